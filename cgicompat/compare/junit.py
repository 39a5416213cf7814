"""A comparison as JUnit XML, as CI systems read it: a test case for each request and runner."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from cgicompat.compare.report import DIFFERS, SAME, CaseReport, Report, ScriptReport

# What XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(report: Report) -> bytes:
    """The file's content. What differs is a failure, what cannot be told or fails everywhere an error."""
    suites = ET.Element("testsuites", name="cgicompat compare")
    for script in report.scripts:
        suite = ET.SubElement(suites, "testsuite", name=_clean(script.path))
        states = []
        for case in script.cases:
            for runner in case.runners:
                states.append(case.state(runner))
                _add(suite, script, case, runner)
        suite.set("tests", str(len(states)))
        suite.set("failures", str(states.count(DIFFERS)))
        suite.set("errors", str(len(states) - states.count(DIFFERS) - states.count(SAME)))
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def _add(suite: ET.Element, script: ScriptReport, case: CaseReport, runner: str) -> None:
    times = case.times(runner)
    element = ET.SubElement(
        suite,
        "testcase",
        name=_clean(f"{case.case.name} under {runner}"),
        classname=_clean(script.path),
        time=f"{times.median:.6f}" if times else "0",
    )
    if case.state(runner) == DIFFERS:
        failure = ET.SubElement(element, "failure", message=_clean(case.reason(runner)))
        trial = case.shown(runner)
        failure.text = _clean("\n".join(map(str, trial.differences if trial else ())))
    elif case.state(runner) != SAME:
        ET.SubElement(element, "error", message=_clean(case.cannot_tell or f"fails everywhere: {case.fails}"))
    if runner == "cgihandler" and case.leaks:
        ET.SubElement(element, "system-out").text = _clean("\n".join(map(str, case.leaks)))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
