"""Names of attributes and metrics, written down here because the conventions that define them are still in development.

GenAI conventions: the repository open-telemetry/semantic-conventions-genai as of August 2026 (status Development; the constants
in the Python package are marked deprecated since May 2026). OpenInference: openinference-semantic-conventions 0.1.42.
"""

from __future__ import annotations

from typing import Final

GEN_AI_VERSION: Final = "genai-2026-08"
SCOPE: Final = "pointsman"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
CONVERSATION: Final = "gen_ai.conversation.id"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE: Final = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - tokens of text
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
PROMPT_NAME: Final = "gen_ai.prompt.name"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
EVALUATION_EVENT: Final = "gen_ai.evaluation.result"
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
ERROR_TYPE: Final = "error.type"

SPAN_KIND: Final = "openinference.span.kind"
SESSION: Final = "session.id"
INPUT_VALUE: Final = "input.value"
OUTPUT_VALUE: Final = "output.value"
OUTPUT_MIME: Final = "output.mime_type"
JSON_MIME: Final = "application/json"

OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105
TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"
WORKFLOW_DURATION: Final = "gen_ai.workflow.duration"
TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
DECISION_DURATION: Final = "pointsman.decision.duration"
TURN_COST: Final = "pointsman.turn.cost"

SECONDS_BUCKETS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The conventions' bounds of all client durations."""
TOKEN_BUCKETS: Final = tuple(float(4**power) for power in range(14))
"""The conventions' bounds of token counts: 1, 4, 16 ... 67,108,864."""
DECISION_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1)

_PROVIDERS: Final = {
    "google": "gcp.gemini",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "moonshot": "moonshot_ai",
    "bedrock": "aws.bedrock",
}
_OPENINFERENCE: Final = {"mistral": "mistralai"}


def provider_name(model: str) -> str:
    """Return the provider of a model id in the conventions' words: ``google/gemini-3-flash`` is of ``gcp.gemini``."""
    provider = model.partition("/")[0]
    return _PROVIDERS.get(provider, provider)


def openinference_provider(model: str) -> str:
    """Return the provider of a model id in OpenInference's words."""
    provider = model.partition("/")[0]
    return _OPENINFERENCE.get(provider, provider)
