from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
from pathlib import Path
from shutil import which

import pytest
import yaml

from pointsman.monitoring.incidents_notices import Told, clean
from pointsman.monitoring.monitors.rulebook import rules_of
from pointsman.monitoring.rules_prometheus import as_yaml, exported
from pointsman.monitoring.sinks import alertmanager, email, pagerduty, slack, webhook
from pointsman.monitoring.sinks.delivery import rendered, unset
from pointsman.monitoring.sinks.request import NotTaken
from pointsman.routing.sections_monitors import Monitors
from pointsman.routing.sections_sinks import Email, PagerDuty, Sinks, Slack, Webhook

TOLD = Told(
    event="opened",
    incident="inc_1",
    title="Quality at openai/gpt-5-mini: tool-call-success",
    severity="page",
    state="open",
    family="quality",
    subject="openai/gpt-5-mini",
    simulated=False,
    text="180 of 210 (85.7 %) tool calls that were valid",
    opened_at="2026-11-22T03:00:00Z",
    at="2026-11-22T03:00:00Z",
    affected=30,
    of=210,
    link="https://pointsman.example.com/incidents/inc_1",
)
HOSTILE = "<!channel> *urgent* <https://evil.example|click> @here `rm` \x1b[31m\r\nBcc: all@example.com"


LABELS = 'model="openai/gpt-5-mini",route="tools",tier="small"'
PROMETHEUS_TESTS = {
    "rule_files": ["rules.yml"],
    "evaluation_interval": "1m",
    "tests": [
        {  # 14 turns a minute of which 4 fail; the same that is simulated says nothing
            "interval": "1m",
            "input_series": [
                {"series": f'pointsman_turns_total{{{LABELS},outcome="ok",simulated="false"}}', "values": "0+10x60"},
                {"series": f'pointsman_turns_total{{{LABELS},outcome="failed",simulated="false"}}', "values": "0+4x60"},
            ],
            "promql_expr_test": [
                {
                    "expr": 'count by (severity) (ALERTS{alertname="PointsmanErrorRate"})',
                    "eval_time": "30m",
                    "exp_samples": [{"labels": '{severity="page"}', "value": 1}],
                },
                {
                    "expr": 'count by (window) (ALERTS{alertname="PointsmanErrorBudget",severity="page"})',
                    "eval_time": "59m",
                    "exp_samples": [
                        {"labels": '{window="60m"}', "value": 1},
                        {"labels": '{window="360m"}', "value": 1},
                    ],
                },
            ],
        },
        {
            "interval": "1m",
            "input_series": [
                {"series": f'pointsman_turns_total{{{LABELS},outcome="ok",simulated="true"}}', "values": "0+10x60"},
                {"series": f'pointsman_turns_total{{{LABELS},outcome="failed",simulated="true"}}', "values": "0+4x60"},
                {"series": f'pointsman_turns_total{{{LABELS},outcome="ok",simulated="false"}}', "values": "0+14x60"},
                {
                    "series": f'pointsman_turns_total{{{LABELS},outcome="failed",simulated="false"}}',
                    "values": "0+0.2x60",
                },
            ],
            "promql_expr_test": [{"expr": "ALERTS", "eval_time": "45m", "exp_samples": []}],
        },
    ],
}


def test_a_webhook_is_signed_over_time_and_body() -> None:
    sent = webhook.request(TOLD, "inc_1:opened:ops", "http://h/", "s3cret", 1_700_000_000)
    expected = hmac.new(b"s3cret", b"1700000000." + sent.body, hashlib.sha256).hexdigest()
    assert sent.headers["Pointsman-Signature"] == f"v1={expected}"
    assert sent.headers["Idempotency-Key"] == json.loads(sent.body)["key"] == "inc_1:opened:ops"
    assert b"s3cret" not in sent.body


def test_slack_shows_foreign_text_as_it_stands() -> None:
    told = Told(**{**{f: getattr(TOLD, f) for f in TOLD.__struct_fields__}, "text": HOSTILE})
    body = json.loads(slack.request(told, "k", "http://h/").body)
    section = body["blocks"][1]["text"]["text"]
    assert "<!channel>" not in section
    assert "&lt;!channel&gt;" in section
    assert "*urgent*" not in section
    assert body["blocks"][0]["text"]["type"] == "plain_text"


def test_text_from_outside_is_cleaned_before_anybody_hears_it() -> None:
    assert clean(HOSTILE).isprintable()
    assert "\n" not in clean(HOSTILE)
    assert len(clean("x" * 10_000)) == 600


def test_pagerduty_has_one_alert_per_incident() -> None:
    def event(kind: str) -> dict[str, object]:
        told = Told(**{**{f: getattr(TOLD, f) for f in TOLD.__struct_fields__}, "event": kind})
        found: dict[str, object] = json.loads(pagerduty.request(told, "k", "http://h/", "KEY").body)
        return found

    assert [event(kind)["event_action"] for kind in ("opened", "acknowledged", "resolved")] == [
        "trigger",
        "acknowledge",
        "resolve",
    ]
    assert {event(kind)["dedup_key"] for kind in ("opened", "worse", "resolved")} == {"inc_1"}
    assert event("opened")["payload"]["severity"] == "critical"  # type: ignore[index]


def test_alertmanager_ends_what_has_become_worse_or_is_over() -> None:
    fields = {f: getattr(TOLD, f) for f in TOLD.__struct_fields__}
    [opened] = json.loads(alertmanager.request(TOLD, "k", "http://am:9093").body)
    assert (opened["endsAt"], opened["labels"]["severity"]) == ("2026-11-22T04:00:00Z", "page")
    page, ticket = json.loads(alertmanager.request(Told(**{**fields, "event": "worse"}), "k", "http://am:9093/").body)
    assert (page["labels"]["severity"], ticket["labels"]["severity"]) == ("page", "ticket")
    assert ticket["endsAt"] == TOLD.at
    over = Told(**{**fields, "event": "resolved", "resolved_at": "2026-11-22T03:30:00Z"})
    sent = alertmanager.request(over, "k", "http://am:9093/api/v2/alerts")
    assert sent.url == "http://am:9093/api/v2/alerts"
    assert json.loads(sent.body)[0]["endsAt"] == "2026-11-22T03:30:00Z"


def test_mail_says_it_plainly() -> None:
    spec = Email.model_validate({"host": "h", "sender": "a@example.com", "to": "b@example.com"})
    sent = email.request(TOLD, "inc_1:opened:mail", spec, None, None)
    assert sent.subject == "[opened] Quality at openai/gpt-5-mini: tool-call-success"
    assert "Affected: 30 of the newest 210 turns" in sent.text


def test_secrets_are_names_of_variables_only() -> None:
    for written in (
        {"secret_env": "sk-abcdefghijklmnop", "url": "http://h"},
        {"secret_env": "S", "url": "http://u:p@h"},
        {"secret_env": "S"},
        {"secret_env": "S", "url": "http://h", "url_env": "U"},
    ):
        with pytest.raises(ValueError, match=r"secret|user|url"):
            Webhook.model_validate(written)
    with pytest.raises(ValueError, match="not sent without tls"):
        Email.model_validate(
            {"host": "h", "sender": "a@b", "to": "c@d", "tls": "none", "user_env": "U", "password_env": "P"}
        )


def test_a_variable_that_is_not_set_is_named() -> None:
    duty, chat = PagerDuty(key_env="PD_KEY"), Slack(url_env="HOOK")
    with pytest.raises(NotTaken, match="PD_KEY is not set"):
        rendered(TOLD, "k", duty, {}, 0)
    with pytest.raises(NotTaken, match="no http"):
        rendered(TOLD, "k", chat, {"HOOK": "ftp://x"}, 0)
    assert unset(Sinks(pagerduty={"d": duty}, slack={"c": chat}).all(), {"HOOK": "x"}) == ["PD_KEY"]


def test_the_rules_are_a_file_for_prometheus(tmp_path: Path) -> None:
    found = exported(
        rules_of(Monitors.model_validate({"rates": {"up": {"of": "tool_calls", "above": 0.5, "per": "tool"}}}))
    )
    text = as_yaml(found.file)
    file = yaml.safe_load(text)
    alerts = [rule for group in file["groups"] for rule in group["rules"]]
    assert {rule["labels"]["monitor"] for rule in alerts} >= {"tool-call-success", "error-budget", "first-token"}
    assert [rule["labels"]["window"] for rule in alerts if rule["labels"]["monitor"] == "error-budget"] == [
        "60m",
        "360m",
        "4320m",
    ]
    assert {name for name, _ in found.left_out} == {"misroutes", "escalations", "cost-per-resolution", "silence"}
    if which("promtool"):
        (tmp_path / "rules.yml").write_text(text)
        (tmp_path / "tests.yml").write_text(yaml.safe_dump(PROMETHEUS_TESTS))
        done = subprocess.run(
            ["promtool", "test", "rules", "tests.yml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
