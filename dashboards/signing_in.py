"""The few pages that are not Streamlit's: sign in and out, act on a screen by badge, choose another password."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, quote, urlsplit

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboards import door, people, queries
from dashboards.shapes import LOGO, picture_of
from dashboards.theme import asset
from dashboards.words import Language, language_of, say
from inspector.access import SCREEN_S, LockedOutError, Logins, Present, TooOftenError, checked_password, hashed
from inspector.errors import AccessError

_MAX_FORM_BYTES = 4096
_OWN_PAGES = ("/login", "/badge", "/password")


def routes() -> list[Route]:
    """Return the routes of signing in."""
    return [
        Route("/login", _show_login, methods=["GET"]),
        Route("/login", _log_in, methods=["POST"]),
        Route("/logout", _log_out, methods=["POST"]),
        Route("/badge", _show_badge, methods=["GET"]),
        Route("/badge", _act, methods=["POST"]),
        Route("/lock", _lock, methods=["POST"]),
        Route("/password", _show_password, methods=["GET"]),
        Route("/password", _set_password, methods=["POST"]),
        Route("/who", _who),
    ]


# --- in and out ------------------------------------------------------------------------------------------------------------------


async def _show_login(request: Request) -> Response:
    if request.scope["present"] is not None:
        return RedirectResponse(_next(request), status_code=303)
    return _page(request, "login")


async def _log_in(request: Request) -> Response:
    form = await _form(request)
    is_screen = form.get("screen") == "yes"
    try:
        token = await to_thread.run_sync(
            lambda: people.logins().log_in(form.get("name", ""), form.get("password", ""), _place(request), is_screen=is_screen)
        )
    except AccessError as error:
        return _refused(request, "login", error, "login_wrong", name=form.get("name", ""))
    answer = RedirectResponse(_next(request), status_code=303)
    answer.set_cookie(
        people.cookie_name(),
        token,
        max_age=SCREEN_S if is_screen else None,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


async def _log_out(request: Request) -> Response:
    await to_thread.run_sync(people.logins().log_out, _token(request))
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(people.cookie_name())
    return answer


async def _who(request: Request) -> Response:
    here: Present = request.scope["present"]
    return JSONResponse({"name": here.person.name, "roles": dict(here.person.roles), "screen": here.screen, "acting": here.is_acting})


# --- on a screen -----------------------------------------------------------------------------------------------------------------


async def _show_badge(request: Request) -> Response:
    return _page(request, "badge")


async def _act(request: Request) -> Response:
    form = await _form(request)
    doors: Logins = people.logins()
    try:
        await to_thread.run_sync(doors.act, _token(request), form.get("badge", ""), form.get("pin", ""), _place(request))
    except AccessError as error:
        return _refused(request, "badge", error, "badge_wrong")
    return RedirectResponse(_next(request), status_code=303)


async def _lock(request: Request) -> Response:
    await to_thread.run_sync(people.logins().lock, _token(request))
    return RedirectResponse(_next(request), status_code=303)


# --- another password ------------------------------------------------------------------------------------------------------------


async def _show_password(request: Request) -> Response:
    return _page(request, "password")


async def _set_password(request: Request) -> Response:
    here: Present = request.scope["present"]
    if here.screen is not None:
        return _refused(request, "password", AccessError("not on a screen"), "password_not_here")
    form = await _form(request)
    try:
        await to_thread.run_sync(_change_password, here.person.name, form, _place(request))
    except AccessError as error:
        return _refused(request, "password", error, "password_refused")
    return RedirectResponse("/login", status_code=303)


def _change_password(name: str, form: dict[str, str], place: str) -> None:
    password = checked_password(form.get("new", ""))
    doors = people.logins()
    doors.log_out(doors.log_in(name, form.get("password", ""), place))  # who found an open browser does not know it
    queries.store().people.set_password(name, hashed(password))


# --- pages -----------------------------------------------------------------------------------------------------------------------


def _page(request: Request, form: str, *, wrong: str | None = None, status: int = 200, name: str = "") -> Response:
    lang = _language(request)
    fields, title_word, button_word = _FORMS[form]
    title = say(title_word, lang)
    content = {
        "lang": lang,
        "title": escape(title),
        "product": escape(say("product", lang)),
        "logo": picture_of(LOGO),
        "style": asset("login.css"),
        "action": escape(f"/{form}?lang={lang}&next={quote(_next(request), safe='')}"),
        "wrong": f'<p class="wrong" role="alert">{escape(say(wrong, lang))}</p>' if wrong else "",
        "fields": fields(lang, escape(name, quote=True)),
        "button": escape(say(button_word, lang)),
        "languages": "".join(_language_link(request, form, code, word) for code, word in (("en", "English"), ("zh", "中文"))),
    }
    return HTMLResponse(asset("login.html").format_map(content), status_code=status, headers={"Cache-Control": "no-store"})


def _refused(request: Request, form: str, error: AccessError, wrong: str, name: str = "") -> Response:
    if isinstance(error, TooOftenError):
        return _page(request, form, wrong="too_often", status=429, name=name)
    return _page(request, form, wrong="login_locked" if isinstance(error, LockedOutError) else wrong, status=403, name=name)


def _login_fields(lang: Language, name: str) -> str:
    screen = (
        f'<label class="tick"><input type="checkbox" name="screen" value="yes"><span>{escape(say("login_screen", lang))}</span></label>'
    )
    return (
        _field(
            "name",
            say("login_name", lang),
            f'value="{name}" autocomplete="username" autocapitalize="none"' + ("" if name else " autofocus"),
        )
        + _secret("password", say("login_password", lang), "current-password", "autofocus" if name else "")
        + screen
    )


def _badge_fields(lang: Language, _name: str) -> str:
    pin = 'type="password" inputmode="numeric" autocomplete="off"'
    return _field("badge", say("badge_badge", lang), 'autocomplete="off" autofocus') + _field("pin", say("badge_pin", lang), pin)


def _password_fields(lang: Language, _name: str) -> str:
    return _secret("password", say("password_old", lang), "current-password", "autofocus") + _secret(
        "new", say("password_new", lang), "new-password", 'minlength="10"'
    )


_FORMS: dict[str, tuple[Callable[[Language, str], str], str, str]] = {
    "login": (_login_fields, "login_title", "login_button"),
    "badge": (_badge_fields, "badge_title", "badge_button"),
    "password": (_password_fields, "password_title", "password_button"),
}


def _field(name: str, label: str, more: str) -> str:
    return f'<label for="{name}">{escape(label)}</label><input id="{name}" name="{name}" required maxlength="200" {more}>'


def _secret(name: str, label: str, kind: str, more: str) -> str:
    return _field(name, label, f'type="password" autocomplete="{kind}" {more}')


def _language_link(request: Request, form: str, code: str, word: str) -> str:
    address = escape(f"/{form}?lang={code}&next={quote(_next(request), safe='')}")
    return f'<a href="{address}" lang="{code}"{" aria-current=true" if code == _language(request) else ""}>{word}</a>'


def _language(request: Request) -> Language:
    return language_of(request.query_params.get("lang") or request.headers.get("accept-language"))


# --- what was sent ---------------------------------------------------------------------------------------------------------------


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form; none where it is too long or no form."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            return {}
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _next(request: Request) -> str:
    """Return where to go on, from where one came if nothing else is said: only ever a place of this server."""
    asked = request.query_params.get("next") or _came_from(request)
    is_ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked if is_ours and not asked.startswith(_OWN_PAGES) else "/"


def _came_from(request: Request) -> str:
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc != request.headers.get("host"):
        return "/"
    return referer.path + (f"?{referer.query}" if referer.query else "")


def _token(request: Request) -> str:
    return door.token_of(request.scope) or ""


def _place(request: Request) -> str:
    return request.client.host if request.client else "?"
