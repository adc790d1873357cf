"""Words for what cannot wait and what cannot be undone: danger to life, stolen or leaked access, irreversible acts.

Written for the project. A false alarm costs one dearer answer, a miss may cost far more: these lists lean to alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pointsman.routing.lexicon.match import Lexicon

MEDICAL_SAFETY: Final = """chest/heart/arm/head/stomach/belly/throat ~ hurts/hurt/hurting/tight/numb/aches/aching*1.7,
    face/leg/hand/side/tongue/lips ~ numb/swelling/swollen/drooping*1.7, chest/stomach/abdominal/heart ~
    pain/pains/pressure*1.7,
    pain in my*1.6, numbness*1.6, cant/cannot breathe*1.9, trouble/difficulty/hard/struggling breathing/to breathe*1.8,
    short of breath*1.8, shortness of breath*1.8, not breathing*1.9, stopped breathing*1.9, heart attack*1.9,
    having/had/a stroke symptoms*1.7, having/had a stroke*1.8,
    seizure/seizures*1.8, unconscious*1.9, passed out*1.7, fainted*1.7, wont wake up*1.9, anaphylaxis/anaphylactic*1.9,
    too many pills/tablets/painkillers/capsules*1.8, took/taken/swallowed too many/much*1.7, double dose*1.7,
    overdosed/overdosing*1.9,
    took/taken ~ pills/tablets/capsules/paracetamol/ibuprofen/insulin/painkillers/antibiotics*1.6,
    drank/drunk/ate/swallowed/inhaled ~ bleach/detergent/battery/batteries/magnet/cleaner/poison*1.8,
    wont stop bleeding*1.9, bleeds/bleeding ~ lot/heavily/badly*1.8, concussion*1.7, burned/burnt/burns ~
    hand/arm/face/skin/finger*1.6,
    suicidal*2, end it all*1.8, end my life*2, take/taking my own life*2, want to die*2, wanna die*2, dont want to live*2,
    do not want to live*2, no reason to live*2, not worth living*2, tired of living*2, better off without me*2,
    better off dead*2,
    cant go on*1.6, hurting myself*2, harm/harming/kill/killing/cut/cutting myself*2, hurt/kill someone*1.7,
    there is/theres a/an fire/smoke/explosion*1.7, house/kitchen/building/oven/charger/battery ~ fire/flames*1.7,
    smell gas/smoke/burning*1.8, smells of gas/smoke/burning*1.7, gas smell/leaking/alarm*1.8, leaking gas*1.8,
    carbon monoxide*1.9,
    started smoking*1.6, electrocuted*1.9, shocked me*1.5, exploding*1.6,
    brustschmerzen*1.8, schmerzen in der brust*1.8, herzinfarkt*1.9, schlaganfall*1.9, keine luft*1.8, überdosis*1.9,
    zu viele tabletten*1.8,
    selbstmord*2, suizid*2, umbringen*2, nicht mehr leben*2, gasgeruch*1.8, riecht nach gas*1.8, es brennt*1.7, feuer
    ~ gefangen*1.7,
    blutet*1.6, bewusstlos*1.9, vergiftet/vergiftung*1.7,
    dolor en el pecho*1.8, duele el pecho*1.8, infarto*1.8, no puedo respirar*1.9, sobredosis*1.9,
    suicidarme/suicidio*2, matarme*2,
    incendio*1.7, fuga de gas*1.8, huele a gas*1.8, sangrando*1.6,
    mal à la poitrine*1.8, douleur à la poitrine/thoracique*1.8, crise cardiaque*1.9, surdose*1.9, me suicider*2, me
    tuer*2, incendie*1.7,
    fuite de gaz*1.8, odeur de gaz*1.8, saigne*1.6, respirer*1.5,
    dolore al petto*1.8, overdose*1.8, uccidermi*2, suicidarmi*2, fuga di gas*1.8, odore di gas*1.8, sanguina*1.6,
    dor no peito*1.8, suicídio*2, me matar*2, incêndio*1.7, vazamento de gás*1.8, cheiro de gás*1.8,
    pijn op de borst*1.8, zelfmoord*2, gaslek*1.8, gaslucht*1.8, скорую*1.7, самоубийство*2, пожар*1.7"""

FRAUD: Final = """key/keys/token/tokens/password/passwords/credentials/secret/secrets/pin ~
    leaked/exposed/public/compromised/stolen/leak*1.6,
    leaked/exposed/committed/pushed/published/posted ~
    key/keys/token/tokens/password/passwords/credentials/secret/secrets*1.6,
    leaked/leak ~ data/account/github/gitlab/online/internet*1.5,
    gave/given/shared ~ code/codes/pin/password/otp/passcode*1.6, told/sent/read them/him/her ~ code/pin/password/otp*1.6,
    asked/asks/asking for ~ pin/password/otp*1.4,
    someone/somebody/guy/caller ~ saying/claiming/claims*1.4, pretending/pretended/claiming/claimed to be*1.4,
    clicked ~ suspicious/phishing/fake/dodgy/scam*1.6,
    logged/logging/log in ~ wasnt me*1.6, someone/somebody ~ logged/got/broke into*1.5,
    someone/somebody else is logged/using*1.5, account ~ taken over*1.6, took over my*1.5, sim swap/swapped*1.6,
    login/signin/device i dont recognise/recognize/know*1.5, unknown/strange/unrecognised/unrecognized
    login/logins/device/devices/transaction/transactions*1.5, unknown/strange ~ logged*1.5,
    hacker/hackers/hacking*1.5, malware*1.4,
    ransomware*1.6, keylogger*1.6, impersonating/impersonated/impersonation*1.4,
    code ~ weitergegeben/gegeben/verraten*1.5, geleakt*1.5, gestohlene*1.4, konto gehackt*1.6, nicht von mir*1.3,
    phishing*1.6,
    hackeado/hackeada/hackearon*1.6, hackeada*1.6, filtrado/filtrada*1.4, di ~ código/clave*1.4, no fui yo*1.4,
    piratée*1.5, donné ~ code*1.5, fuité*1.5, hackerato/hackerata*1.6, dato ~ codice*1.5, invadida/invadido*1.3,
    golpe*1.3,
    gehackt*1.5, gelekt*1.5, взломали*1.6, мошенники*1.6"""

IRREVERSIBLE: Final = Lexicon(
    {
        "yes": """delete/deleting/erase/wipe/destroy/purge/remove ~
            workspace/project/projects/repository/repo/database/everything/account/accounts/data/backups/server/cluster,
            delete/deleting/erase/wipe/destroy/purge ~
            tenant/organisation/organization/profile/history/records/documents/photos/users,
            drop ~ database/table/tables, close/closing/terminate/terminating/shut/deactivate ~
            account/accounts/policy/contract,
            shut down ~ account/workspace/server, cancel/cancelling/canceling/surrender/terminate ~
            policy/insurance/coverage/pension/mortgage/lease,
            wire/transfer/transferring/wiring/send/sending/move/moving ~
            money/funds/dollars/euros/euro/pounds/eur/usd/gbp/savings/checking/crypto/bitcoin,
            wire/transfer/move ~ to my/his/her/their account/savings/checking, wire/transfer ~ iban, wire transfer,
            liquidate, sell all/everything,
            konto löschen/schließen/auflösen, alles löschen, versicherung kündigen, überweisen/überweise ~ euro,
            eliminar/borrar/cerrar ~ cuenta, transferir ~ euros/dinero/dólares, borrar todo,
            supprimer/fermer/clôturer ~ compte,
            virer/virement ~ euros, supprimer tout, chiudere/eliminare/cancellare ~ conto/account, bonifico ~ euro,
            cancellare tutto,
            apagar/encerrar/excluir ~ conta, transferir ~ reais, apagar tudo, verwijder/verwijderen/sluiten ~ account"""
    }
)
"""Acts that cannot be taken back: whatever the intent is called, much is at stake."""

UNSPACED: Final[Mapping[str, str]] = {
    part: label
    for label, parts in {
        "medical_safety": """胸が痛 胸痛 息ができ 自殺 自杀 死にたい 想死 火事 火灾
            ガス漏れ 煤气 出血 자살 죽고 가슴이 화재 انتحار""",
        "fraud": "詐欺 诈骗 詐騙 盗まれ 不正 盗刷 被盗 ハッキング 乗っ取 漏洩 泄露 해킹 사기 도난 احتيال",
    }.items()
    for part in parts.split()
}
"""The same in scripts without spaces between words."""
