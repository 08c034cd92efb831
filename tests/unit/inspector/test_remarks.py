import re

import pytest

from inspector import remarks
from inspector.remarks import of_channel, remark, said

NAMES = {"camera_top": "顶部相机", "mic": "麦克风"}


def chinese(sentence):
    return said(sentence, "zh", lambda name: NAMES.get(name, name))


@pytest.mark.parametrize("template", remarks._CHINESE)
def test_every_remark_is_known_again(template):
    fields = re.findall(r"\{(\w+)\}", template)
    sentence = remark(template, **dict.fromkeys(fields, "7.5"))
    assert re.search("[一-鿿]", chinese(sentence))
    assert not re.search("[a-zA-Z]{3,}", chinese(sentence))
    assert set(re.findall(r"\{(\w+)\}", remarks._CHINESE[template])) == set(fields)


def test_channels_and_lists_are_said_in_the_readers_language():
    reason = of_channel("camera_top", "stale: the last value is 2.1 s old, clipped")
    assert chinese(reason) == "顶部相机：过期：最后的数值已有 2.1 s，削波"
    assert said(reason, "en", lambda _name: "Camera, top") == "Camera, top: stale: the last value is 2.1 s old, clipped"
    disagreement = remark("{bad} and {good} disagree: {bad} speaks for a defect, {good} against it", bad="picture", good="process values")
    assert chinese(disagreement) == "图像与过程量相矛盾：图像表明有缺陷，过程量表明没有"
    assert chinese("verdict 'pass' came after the deadline of 400 ms") == "判定“合格”超过 400 ms 时限"


def test_what_an_exception_says_is_kept_as_it_is():
    assert chinese("judging failed: RuntimeError: no such layer, sir") == "判定失败：RuntimeError: no such layer, sir"
    assert chinese("connection refused") == "connection refused"
    assert said("clipped", "en") == "clipped"


def test_a_remark_without_chinese_is_a_mistake_of_the_programmer():
    with pytest.raises(KeyError):
        remark("something new")
