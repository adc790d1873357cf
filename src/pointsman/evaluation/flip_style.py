"""How flipped cases look: the stylesheet of ``flip_html``, for reports and pages. Colours are the variables of the plots."""

from __future__ import annotations

from typing import Final

FLIPS_CSS: Final = """
.flip{border-top:1px solid var(--rule);padding:16px 0;margin:0}.flip h3{margin:0;font-size:15px;overflow-wrap:anywhere}
.flip header p{margin:2px 0;color:var(--dim)}.flip header .flip-why{color:var(--ink);overflow-wrap:anywhere}
.flip-said{max-width:80%;margin:8px 0;padding:8px 12px;border-radius:8px;background:var(--card)}
.flip-said,.flip-raw{overflow-wrap:anywhere;white-space:pre-wrap}
.flip-said b{display:block;font-size:12px;color:var(--dim);font-weight:600}
.flip-said.assistant{margin-left:auto;border-right:3px solid var(--rule)}
.flip-said.user{border-left:3px solid var(--dim)}.flip-said.system{max-width:100%;font-size:13px}
.flip-call{margin:8px 0;padding:8px 12px;border:1px solid var(--rule);border-radius:8px;overflow-wrap:anywhere}
.flip-call,.flip-call dd,.flip-call dt,.flip-raw{
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
.flip-call dl{display:grid;grid-template-columns:fit-content(40%) 1fr;gap:2px 12px;margin:4px 0 0}
.flip-call dd{margin:0;white-space:pre-wrap}
.flip-call dt{color:var(--dim)}
.flip-call .result{border-top:1px solid var(--rule);margin-top:6px;padding-top:6px;white-space:pre-wrap}
.flip-alone>div,.flip-call.alone,.flip mark{background:color-mix(in srgb,var(--hold) 22%,transparent);color:inherit}
.flip mark{border-radius:3px;padding:0 2px}
.flip-sides{display:grid;grid-template-columns:1fr 1fr;gap:16px}.flip-sides>section{min-width:0}
.flip-sides h4{margin:8px 0 4px;overflow-wrap:anywhere}
.flip-sides .flip-said{max-width:100%;margin-left:0}
.flip details>summary{color:var(--dim);cursor:pointer}
@media (max-width:759px){.flip-sides{grid-template-columns:1fr}.flip-said{max-width:92%}}
"""
