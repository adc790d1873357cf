"""The words in which agents say that something is done, and in which they only offer, plan or deny it.

English, with the commonest turns of German, French and Spanish. Families tie a verb to what tools that do it are called.
"""

from __future__ import annotations

import re
from typing import Final

_FAMILIES: Final = {
    "refund": """refunded reimbursed credited erstattet überwiesen remboursée? reembolsad[oa]""",
    "cancel": """cancell?ed voided terminated storniert gekündigt annulée? cancelad[oa]""",
    "book": """booked rebooked reserved scheduled rescheduled gebucht reserviert réservée? reservad[oa]""",
    "buy": """purchased bought ordered rented paid charged gekauft bezahlt payée? pagad[oa]""",
    "change": """changed updated modified edited switched corrected adjusted extended upgraded downgraded moved swapped exchanged
        renewed geändert aktualisiert modifiée? cambiad[oa] actualizad[oa]""",
    "send": """sent resent emailed mailed texted forwarded dispatched shared gesendet geschickt verschickt envoyée? enviad[oa]""",
    "create": """created opened raised filed submitted logged registered placed added issued initiated arranged activated enabled
        applied waived enrolled assigned generated processed finali[sz]ed completed notified flagged
        contacted saved recorded approved authori[sz]ed granted released requested angelegt eingeleitet veranlasst créée?
        effectuée? cread[oa] registrad[oa] procesad[oa]""",
    "remove": """removed deleted closed deactivated unsubscribed blocked frozen disabled gelöscht supprimée? eliminad[oa]""",
    "reset": """reset unlocked restored reactivated zurückgesetzt réinitialisée? restablecid[oa]""",
    "hand": """escalated transferred handed""",
}
"""Families of participles. Those of ``create`` go with any tool."""

_TOOLS: Final = {
    "refund": "refund reimburse credit payment return certificate cancel",
    "cancel": "cancel void terminate delete refund",
    "book": "book reserve schedule appointment order buy create update change",
    "buy": "buy purchase order rent pay charge transfer book",
    "change": "change update modify edit switch set adjust extend upgrade move exchange swap renew address",
    "send": "send mail email notify message forward dispatch ship resend request transfer money share",
    "remove": "remove delete close deactivate unsubscribe block freeze disable cancel",
    "reset": "reset unlock restore activate password",
    "hand": "escalate transfer hand human ticket agent",
}
"""Parts of the names of tools that do such a thing."""


def _any(words: str) -> str:
    return "|".join(words.split())


_DONE: Final = _any(" ".join(_FAMILIES.values()))
_HOW: Final = (
    "(?:just|now|already|also|all|successfully|indeed|since|therefore|(?:gone|went) ahead and|personally|officially)"
)
_THINGS: Final = _any(
    """changes? bookings? reservations? updates? payments? refunds? adjustments? corrections? orders? transfers? cancellations?
    appointments? purchases? requests? returns? exchanges? subscriptions? rentals? tickets? visits? claims? transactions?"""
)
_FULL: Final = (
    rf"made (?:the|a|an|your|that|this|those) (?:\w+ )?(?:{_THINGS})|taken care of|signed you up|got you (?:re)?booked"
    r"|put (?:a|an|the|your|in a|in the|through) (?:\w+ )?(?:hold|order|request|block|stop|refund|claim)|set up (?:a|an|the|your)"
    r"|started (?:the|a|your) (?:\w+ )?(?:refund|return|process|cancellation)"
)
_BASE: Final = _any(
    """cancel refund book change update send reset process issue create remove apply rebook reschedule waive add submit
    schedule move"""
)
_GERMAN: Final = _any(
    """storniert erstattet gebucht geändert gesendet geschickt verschickt veranlasst eingeleitet angelegt gelöscht gekündigt
    aktualisiert reserviert überwiesen zurückgesetzt"""
)
_FRENCH: Final = _any("annulé remboursé réservé modifié envoyé créé effectué supprimé réinitialisé")
_SPANISH: Final = _any(
    "cancelado reembolsado reservado cambiado enviado creado actualizado procesado eliminado restablecido"
)
_END_STATES: Final = "successful|complete|confirmed|done|made|set|fixed|good to go|taken care of|in place"

ACTIVE: Final = re.compile(
    rf"\b(?:i|we)(?:['’]ve| have|['’]d| had)?(?: {_HOW})*,? (?:(?P<verb>{_DONE})\b(?! by\b)|(?P<full>{_FULL})\b)"
    rf"|\b(?:i|we)(?:['’]ve| have)? (?:was|were|been|managed|succeeded)(?: able)?(?: to| in)? (?P<base>{_BASE})(?:l?ling|ing)?\b"
    rf"|\bich habe\b[^.!?]{{0,60}}?\b(?P<de>{_GERMAN})\b"
    rf"|\bj['’]ai (?:bien |déjà |donc )?(?P<fr>{_FRENCH}|mis à jour)"
    rf"|\b(?:he|hemos) (?:ya )?(?P<es>{_SPANISH})\b",
    re.IGNORECASE,
)
"""The agent says that it did something."""

PASSIVE: Final = re.compile(
    rf"\b(?:has|have|['’]s|['’]ve)(?: {_HOW})* been(?: {_HOW})* (?P<been>{_DONE}|{_END_STATES})\b"
    rf"|\b(?P<thing>{_THINGS}) (?:is|are|was|were)(?: {_HOW})* (?:{_END_STATES}|{_DONE})\b"
    rf"|\bsuccessfully (?P<well>\w+ed)\b|\b(?P<ended>{_DONE}) successfully\b"
    r"|\byou(?:['’]re| are)(?: now| all| officially)* (?P<you>(?:re)?booked|registered|enrolled|upgraded|all set|unsubscribed)\b"
    r"|^\W*(?:(?:ok|okay|great|perfect|sure|alright|yes|good news)\W+)*(?P<short>done|all done|all set|refund issued"
    r"|booking confirmed|order cancell?ed|reservation confirmed|request submitted)\b"
    rf"|\bwurden?\b[^.!?]{{0,40}}?\b(?P<de>{_GERMAN})\b"
    rf"|\b(?:a|ont) (?:bien )?été (?P<fr>{_FRENCH})e?s?\b"
    rf"|\b(?:ha|han) sido (?P<es>\w+[ai]d[oa]s?)\b|\bse (?:ha|han) (?P<se>{_SPANISH})\b",
    re.IGNORECASE | re.MULTILINE,
)
"""Something is said to be done now, by whomever."""

STATUS: Final = re.compile(
    rf"\b(?:was|were)(?: {_HOW})* (?P<was>{_DONE})\b"
    rf"|\byour (?:[\w-]+ ){{1,4}}(?:is|are)(?: {_HOW})* (?P<is>{_DONE}|confirmed)\b"
    rf"|\b(?:it|that|this|everything)(?:['’]?s| is)(?: {_HOW})* (?P<it>{_DONE}|done|taken care of|confirmed)\b"
    rf"|\b(?:ist|sind)\b[^.!?]{{0,40}}?\b(?P<de>{_GERMAN})\b",
    re.IGNORECASE,
)
"""How a status is reported: it may be old, and anyone's doing."""

LOOKED: Final = re.compile(
    rf"\b(?:i|we)(?:['’]ve| have)?(?: {_HOW})* (?:checked|looked (?:up|at|into)|verified|reviewed|pulled up|located"
    r"|accessed|searched) (?:on |in |for |through |with )?(?:your|the|our|that|this) (?:[\w-]+ ){0,2}(?:"
    + _any(
        """account orders? bookings? reservations? records? systems? details flights? status database profile shipment parcel
        package subscription payment transactions? tracking balance warehouse inventory stock carrier availability"""
    )
    + r")\b|[\[(*]\s*(?:"
    + _any(
        """checking looking searching processing calling accessing retrieving cancell?ing issuing updating fetching pulling
        verifying"""
    )
    + r")\b[^\])*]{0,80}[\])*]",
    re.IGNORECASE,
)
"""The agent says that it looked something up, or plays that it does."""

NOT_DONE: Final = re.compile(
    r"\b(?:as soon as|in case|to be|by (?:you|the (?:airline|seller|customer|merchant|carrier|bank|store|sender))|"
    + _any(
        """if once when whenever after until unless before whether provided assuming should would could will shall can may
        might must never not no cannot unable neither nor nothing ensure wenn sobald falls nicht keine?n? si quand lorsque
        dès ne cuando nunca"""
    )
    + r")\b|n['’]t\b|['’]ll\b|\bn['’]",
    re.IGNORECASE,
)
"""What before the words, in their clause, makes them a plan, a condition or a denial."""

ASKED: Final = re.compile(
    r"\W*(?:"
    + _any("has have had was were is are did do does can could would should what which when where who how why")
    + r")\b",
    re.IGNORECASE,
)
"""How a question begins."""

GENERAL: Final = re.compile(
    r"\b(?:usually|typically|normally|generally|always|within \d+|automatically|in most cases|per (?:our )?policy"
    r"|only (?:if|when|for))\b",
    re.IGNORECASE,
)
"""How a rule is told: what is done in general."""


def family_of(verb: str) -> str | None:
    """Return the family of a participle."""
    for family, verbs in _FAMILIES.items():
        if re.fullmatch(_any(verbs), verb, re.IGNORECASE):
            return family
    return None


def does(tool: str, family: str | None) -> bool:
    """Tell whether a tool's name fits what is said to be done; where either tells nothing, it does."""
    if family is None or family not in _TOOLS:
        return True
    return any(part in tool.lower() for part in _TOOLS[family].split())
