"""Language: which language the customer writes, from scripts and everyday words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.match import Words
from pointsman.routing.reading import Reading

NAME: Final = "language"
UNDETERMINED: Final = "und"

_COMMON: Final[Mapping[str, frozenset[str]]] = {
    code: frozenset(block.split())
    for code, block in {
        "en": """said told think know want make take give gave find see look use used work
        works still never always again after before because very too more most all each every other than then up out
        off down over under back only even first last next new old good bad great best right wrong same different
        day days week weeks month year time today tomorrow yesterday morning night people someone anyone something
        anything everything nothing really already yet soon later why while may might must let lets put keep kept
        call called email phone number name address delivery delivered shipped package parcel item items product
        price cost pay paid payment charge invoice bill subscription plan member book booking flight hotel
        appointment table reservation open close closed website app screen working broken doesnt didnt wont isnt
        wasnt youre theyre ive weve thats whats wheres no tell time yeah sure lol born agent joke the and is are was
        were be been have has had do does did you your my me we our they it this that these those with for from not
        what when where why how who which can could would should will shall there here about please help need want
        order refund thanks thank hello hi hey yes okay of to in on at by an if but or so i im ive dont cant get got
        know still any some just like how much many cancel return ship delivery account card money bill charged
        password human agent""",
        "es": """el la los las un una unos de del que y en por para con no se mi tu su es está están estoy ser fue
            ha he hay pero como cuando donde dónde qué cómo cuándo quiero puedo puede necesito tengo tiene gracias
            hola pedido ayuda favor buenos días muy más también yo usted ustedes me le lo al este esta eso sí porque
            mis ya ahora nada sin""",
        "fr": """le la les un une des de du et en pour avec ne pas je tu il elle nous vous ils mon ma mes votre vos
            est sont suis été avez ai ont mais comme quand où quoi que qui comment pourquoi veux voudrais peux
            pouvez merci bonjour commande aide sil plaît très plus aussi ce cette ça oui non jai cest au aux sur
            dans se""",
        "de": """der die das den dem ein eine einen einer und ist sind war bin habe haben hat nicht kein keine ich
            du er sie es wir ihr mein meine meinen mir mich sie ihnen ihre mit für von zu zum zur auf aus bei nach
            aber wie wann wo was warum wer kann können möchte will bitte danke hallo bestellung hilfe ja nein noch
            schon auch sehr im am um""",
        "it": """il lo la i gli le un uno una di del della dei e in per con non mi ti si mio mia tuo suo è sono sei
            ho hai ha abbiamo ma come quando dove cosa perché chi che vorrei posso può grazie ciao ordine aiuto
            favore molto più anche questo questa sì no ancora dal nel alla al""",
        "pt": """o a os as um uma de do da dos das e em no na por para com não me meu minha seu sua é são está estou
            foi tem tenho mas como quando onde que quem porque quero posso pode preciso obrigado obrigada olá pedido
            ajuda favor muito mais também isso este esta sim eu você vocês ainda já""",
        "nl": """de het een en is zijn was ben heb heeft hebben niet geen ik je jij u hij zij we wij mijn uw jouw
            met voor van naar op uit bij maar hoe wanneer waar wat waarom wie kan kunnen wil graag bedankt dank
            hallo bestelling hulp ja nee nog al ook zeer te dat dit die er om aan als""",
        "pl": """i w z na do nie to jest są się że jak co kiedy gdzie dlaczego kto mój moja moje proszę dziękuję
            cześć zamówienie pomoc tak ale czy mam chcę mogę dla od po już jeszcze bardzo też""",
        "sv": """och att det som en ett är var jag du han hon vi ni de min mitt mina din inte för med på av till
            från men hur när var vad varför vem kan vill tack hej beställning hjälp ja nej också har hade""",
        "da": """og at det som en et er var jeg du han hun vi de min mit mine din ikke for med på af til fra men
            hvordan hvornår hvor hvad hvorfor hvem kan vil tak hej ordre hjælp ja nej også har havde""",
        "tr": """ve bir bu için ile de da ne nasıl nerede neden kim mi mı değil var yok benim siparişim istiyorum
            lütfen teşekkürler merhaba evet hayır yardım çok daha ben sen""",
        "ro": """și este sunt nu un o la cu pe din care mai am ai are vreau pot vă rog mulțumesc bună comanda ajutor
            da când unde cum ce""",
        "cs": """a je jsem jsou není to na se že jak co kdy kde proč kdo můj moje prosím děkuji dobrý den objednávka
            pomoc ano ne ale chci mohu ještě""",
        "id": """dan yang di ke dari untuk dengan tidak ini itu saya anda kami ada apa bagaimana kapan dimana
            mengapa siapa bisa mau tolong terima kasih halo pesanan bantuan ya sudah belum""",
        "vi": """và là của tôi bạn không có được cho với này đó khi nào ở đâu như thế làm ơn cảm xin chào đơn hàng
            giúp""",
    }.items()
}
_LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = {
    word: tuple(code for code, words in _COMMON.items() if word in words)
    for word in frozenset().union(*_COMMON.values())
}
_EVERYDAY: Final = frozenset(_LANGUAGES)
_SCRIPTS: Final = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7af]"), "ko"),
    (re.compile(r"[\u4e00-\u9fff]"), "zh"),
    (re.compile(r"[іїєґІЇЄҐ]"), "uk"),
    (re.compile(r"[\u0400-\u04ff]"), "ru"),
    (re.compile(r"[\u0370-\u03ff]"), "el"),
    (re.compile(r"[\u0590-\u05ff]"), "he"),
    (re.compile(r"[پچژگ]"), "fa"),
    (re.compile(r"[\u0600-\u06ff]"), "ar"),
    (re.compile(r"[\u0900-\u097f]"), "hi"),
    (re.compile(r"[\u0e00-\u0e7f]"), "th"),
)
_MARKS: Final = {
    mark: code
    for code, marks in {
        "de": "ßä",
        "es": "ñ¿¡",
        "pt": "ãõ",
        "fr": "œê",
        "pl": "łąę",
        "sv": "å",
        "da": "øæ",
        "tr": "ğış",
        "ro": "ță",
        "cs": "řůě",
        "vi": "đơư",
    }.items()
    for mark in marks
}
_SCRIPT_SHARE: Final = 0.2


class Language(msgspec.Struct, frozen=True):
    """``code`` is ISO 639-1, "und" when nothing tells; ``english`` is code == "en"."""

    code: str
    english: bool


def measure(reading: Reading, session: Session) -> Language:  # noqa: ARG001 - every signal has this shape
    """Recognise the language of the last user text; where it does not tell ("ok"), of the ones before."""
    for words in (reading.user, *reading.earlier):
        code = words.once(NAME, _code)
        if code != UNDETERMINED:
            return Language(code, code == "en")
    return Language(UNDETERMINED, english=False)


def _code(words: Words) -> str:
    if not words.count:
        return UNDETERMINED
    if not words.text.isascii():
        script = _script(words.text[:400])
        if script:
            return script
    scores: dict[str, int] = {}
    for word in words.vocabulary & _EVERYDAY:
        for code in _LANGUAGES[word]:
            scores[code] = scores.get(code, 0) + 1
    if not words.text.isascii():
        for mark in frozenset(words.text.lower()) & _MARKS.keys():
            scores[_MARKS[mark]] = scores.get(_MARKS[mark], 0) + 1
    if not scores:
        return UNDETERMINED
    most = max(scores.values())
    return next(code for code in _COMMON if scores.get(code) == most)


def _script(text: str) -> str | None:
    """Return the language of the first script that makes up a fair share of the letters."""
    letters = sum(1 for mark in text if mark.isalpha())
    for pattern, code in _SCRIPTS:
        if letters and len(pattern.findall(text)) >= (1 if code in {"uk", "fa"} else _SCRIPT_SHARE * letters):
            return code
    return None
