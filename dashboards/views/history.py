"""history"""


def show() -> None: ...
