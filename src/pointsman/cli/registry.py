"""The commands, one line each: name -> (module, one-line help). A module is imported only when its command runs.

A module exposes ``command`` (a typed function) or ``app`` (a ``typer.Typer`` with sub-commands).
"""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("pointsman.cli.demo", "Play bundled conversations through simulated models."),
    "serve": ("pointsman.cli.serve", "Start the gateway for OpenAI and Anthropic SDKs."),
    "route": ("pointsman.cli.route", "Explain how one turn would be routed."),
    "init": ("pointsman.cli.init", "Write a commented starter policy."),
    "check": ("pointsman.cli.check", "Check a policy file and say what its rules do."),
    "schema": ("pointsman.cli.schema", "Print the JSON Schema of a file format."),
    "replay-route": ("pointsman.cli.replay_route", "Route every turn of recorded conversations and sum up."),
    "import": ("pointsman.cli.import_cases", "Make cases of recorded conversations and logged requests."),
    "cases": ("pointsman.cli.cases", "Count, filter and sample the cases of a file."),
    "replay": ("pointsman.cli.replay", "Answer cases with models and grade the answers."),
    "run-report": ("pointsman.cli.run_report", "Sum up a replay: accuracy, pass^k, cost, latency, failures."),
    "gate": ("pointsman.cli.gate", "May a candidate take a baseline's place: pass, fail, hold."),
    "promote": ("pointsman.cli.promote", "Change a model, policy or prompt on a passing gate."),
    "canary": ("pointsman.cli.canary", "List trials of models; end one or begin it again."),
    "rollback": ("pointsman.cli.rollback", "Take the newest promotion back."),
    "judge": ("pointsman.cli.judge", "Let a model compare replies; measure it against people."),
    "label": ("pointsman.cli.label", "Label replies by hand: which is better, pass or fail."),
    "scorecard": ("pointsman.cli.scorecard", "Grade replies by a scorecard of your own."),
    "regressions": ("pointsman.cli.regressions", "Let the regression set grow by what went wrong."),
    "bench": ("pointsman.cli.bench", "Compare models: tool calls, latency, structured output."),
    "distill": ("pointsman.cli.distill", "Make training data of recorded turns."),
    "turns": ("pointsman.cli.turns", "List stored turns."),
    "turn": ("pointsman.cli.turn", "Tell the whole story of one turn."),
    "chat": ("pointsman.cli.chat", "Talk to an agent in the terminal."),
    "runs": ("pointsman.cli.runs", "List agents' runs, or tell one: steps, tool calls, cost."),
    "report": ("pointsman.cli.report", "Sum up stored turns: errors, latency, tokens, cost."),
    "batch": ("pointsman.cli.batch", "Send work that can wait to the providers' batch APIs."),
    "budgets": ("pointsman.cli.budgets", "Show what is spent of each budget."),
    "keys": ("pointsman.cli.keys", "Create, list and revoke client keys."),
    "contracts": ("pointsman.cli.contracts", "Sum up rejected replies; check replies against a schema."),
    "outcomes": ("pointsman.cli.outcomes", "Import and show how conversations ended."),
    "memory": ("pointsman.cli.memory", "Show and delete what is remembered of conversations."),
    "prompts": ("pointsman.cli.prompts", "List, compare, change and roll back prompts."),
    "monitors": ("pointsman.cli.monitors", "The rules that watch: list, try on stored turns, export."),
    "incidents": ("pointsman.cli.incidents", "List incidents; acknowledge, silence, resolve them."),
    "models": ("pointsman.cli.models", "List the models of the catalogue with abilities and prices."),
    "cost": ("pointsman.cli.cost", "Work out the monthly bill of a workload."),
    "advise": ("pointsman.cli.advise", "Advise on tier and model for a task."),
    "emulate": ("pointsman.cli.emulate", "Stand in for the providers on a loopback port."),
    "local-model": ("pointsman.cli.local_model", "Check that the small local demo model is there."),
}
