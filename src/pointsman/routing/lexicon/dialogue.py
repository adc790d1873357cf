"""How people say yes, take something back or ask again, and how an agent asks leave for a risky action.

Written for the project; the languages are those the support desks we know meet most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pointsman.routing.lexicon.match import Lexicon, wordset

YES_FIRST: Final = wordset(
    """alright yes yeah yep yup ya yea yess yesss y sure ok okay okey k kk fine correct confirmed confirm confirming
    absolutely definitely certainly affirmative agreed agree approved approve proceed perfect right exactly indeed aye
    ofc obviously ye yah yeh okey okie roger alrighty mhm go send do totally great excellent awesome wonderful cool
    sí si vale claro adelante confirmo correcto acepto dale hazlo
    perfecto seguro oui ouais daccord volontiers parfait confirme exact vasy allezy ja jawohl genau gerne passt
    einverstanden bestätige klar natürlich sicher mach machen sì certo procedi confermo esatto perfetto procedete sim
    isso pode confirmado beleza certo graag akkoord prima doe tak ano da evet tamam olur onaylıyorum kyllä joo jo да
    ага хорошо давай давайте конечно подтверждаю так добре はい ええ お願いします 是 是的 好 好的 可以 行 对 确认 同意
    네 예 응 좋아요 نعم أجل موافق
    हाँ हां जी ναι כן"""
)
"""Words with which an assent begins."""

YES_ANYWHERE: Final = Lexicon(
    {
        "yes": """that/this is/was/would be/seems/sounds/all
        right/it/correct/good/fine/great/perfect/wonderful/ok/okay, thats it/good/wonderful/great/ok/okay/all right,
        that would be right/it/correct/wonderful, will work, i sure do, im good/fine/ok/okay/happy with, go ahead,
        go for it, do it, do that, do so, please do, make it so, proceed, thats right, that is right, thats correct,
        that is correct, thats fine, that is fine, it is fine, its fine, is fine, sounds good/great/perfect, sounds
        right, by all means, go on, go for that, be my guest, you may, sure thing, yes please, please proceed, fire away,
        looks good/right/correct, works for me, that works, that will work, i confirm, i agree, i approve, i
        accept, you have my ok/approval/permission, lets do it/that, book it, cancel it, refund it, send it, pay it,
        delete it, submit it, place it, place the order, charge it, transfer it, thats/that what i
        said/want/wanted/need, that is/was what i, very good, would be good/fine/great/perfect/ok/okay, is
        good/great/perfect/ok/okay/right/correct/acceptable, all sounds, got that right, got it right, fine by/with
        me, i do, please proceed, all good, perfect, of course, why not, no problem, i am sure, im sure, that would
        be great/good/nice/perfect/fine/lovely, would love that, id like that, as you said, carry on, thumbs up, all
        correct, exactly, that is perfect, thats perfect, yes, por favor, de acuerdo, está bien, esta bien, hazlo,
        proceda, procede, vas y, allez y, faites le, cest bon, très bien, bien sûr, in ordnung, mach das, machen sie
        das, tun sie das, bitte machen, alles klar, geht klar, passt so, va bene, fai pure, faccia pure, daccordo,
        pode ser, pode fazer, tudo bem, doe maar, ga je gang, is goed"""
    }
)

HOLD: Final = Lexicon(
    {
        "no": """change it to, change that to, change the, make it, instead, different, another, no, nope,
        nah, not, dont, do not, doesnt, never, wait, hold on, hang on, stop, hold off, not yet, changed my mind,
        actually, forget it, never mind, nevermind, rather not, leave it, wrong, incorrect, nein, nicht, stopp,
        warte, lieber, doch, non, pas, attendez, attends, annulez, espera, espere, todavía, não, nao, espere, niet,
        nee, wacht, aspetta, nie, нет, не, подожди, 不, 不要, いいえ, 아니요, لا, nahi, hayır"""
    }
)
"""Words that make a yes no clean yes."""

NOT_A_HOLD: Final[Mapping[str, str]] = {
    " no problem ": " ",
    " no worries ": " ",
    " why not ": " yes ",
    " not a problem ": " ",
    " no issue ": " ",
    " no need to wait ": " ",
    " dont wait ": " ",
    " cant wait ": " ",
    " no objection ": " yes ",
    " no objections ": " yes ",
    " wrong item ": " ",
    " no other way ": " ",
    " no other option ": " ",
    " no choice ": " ",
    " no fees ": " ",
    " no subtitles ": " ",
    " si no ": " ",
    " pas de problème ": " ",
    " kein problem ": " ",
}
"""Phrases that look like a refusal and are none."""

CHANGED_MIND: Final = Lexicon(
    {
        "always": """thought about it again, thought it over, reconsidered, after all, decided against,
        changed my mind, change my mind, on second thought/thoughts, thinking about it again, scratch that, scrap
        that, forget that, forget it, forget what i said, never mind, nevermind, disregard, ignore that, ignore my
        last/previous, wait no, no wait, oh wait, hold on, actually no, actually dont, actually do not, actually
        wait, actually lets, actually id rather, actually i would rather, actually make, actually change, actually
        cancel, actually keep, actually can we, actually can you, i meant, what i meant, i misspoke, i take that
        back, dont cancel, do not cancel, dont do it, dont do that, dont refund, dont ship, dont send, dont book,
        keep it after all, keep it instead, decided not to, decided to keep, not anymore, i no longer want/need, go
        back to the, undo that, undo it, reverse that, sorry i mean, rather keep, ill keep it, i will keep it,
        cambié de opinión, he cambiado de idea, mejor no, jai changé davis, finalement, oublie, oubliez, laisse
        tomber, doch nicht, doch lieber, anders überlegt, vergiss es, vergessen sie, lieber doch, ho cambiato idea,
        lascia perdere, mudei de ideia, deixa pra lá, toch niet, laat maar, передумал, передумала""",
        "later": """actually, instead, rather, on reflection, lets go with, lets do, make it, make that, switch to,
            switch it to, change it to, change that to, no the, not the, the other one, different one, lo contrario,
            en su lugar, plutôt, stattdessen, invece, em vez""",
    }
)
"""``later`` cues count only when the customer has spoken before."""

ASKED_AGAIN: Final = Lexicon(
    {
        "again": """havent/hasnt/didnt ~ told me, again my question, my question is/was, i am/im asking ~
        again, time im/i am asking, time i ask/asked, still ~ told/answered/replied, as mentioned, like i mentioned,
        told you already, already gave/sent/provided you, third time i, second time i, zum dritten/zweiten mal,
        tercera/segunda vez, troisième/deuxième fois, terza/seconda volta, terceira/segunda vez, derde/tweede keer,
        i already told/said/asked/explained/mentioned/gave/sent, already told you, as i said, like i said, as i
        mentioned, i said, i asked, asking again, ask again, for the second/third/fourth/fifth/last/hundredth/nth
        time, second/third/fourth/fifth time, how many times, once again, one more time, i repeat, repeating myself,
        repeat myself, you didnt answer, you havent answered, didnt answer my question, not what i asked, thats not
        what i, still not answered, still havent answered, again i, same question, answer my question, you keep
        asking, you already asked, still waiting for an answer, still no answer/reply/response, ya le dije, ya te
        dije, otra vez, je vous ai déjà, encore une fois, ich habe bereits, ich habe schon, noch einmal, noch mal,
        nochmal, ve lo ho già, ancora una volta, já falei, já disse, al gezegd"""
    }
)

ASKS_LEAVE: Final = Lexicon(
    {
        "ask": """you want, you would like, youd like, you need to, so you, correct ?, right ?, verify
        the/this, please verify, to verify, confirm this/the/that, what i have, make you an, shall/should/may/can i,
        shall/should we, want me to, like me to, do you want to, would you like to, are you sure, please confirm,
        confirm, confirming, can you confirm, kindly confirm, is that correct/right/ok/okay/fine, is this
        correct/right/ok/okay/fine, is that all right, is this alright, is that alright, does that sound, does this
        sound, do i have your, ok to proceed, okay to proceed, proceed, go ahead, reply yes, say yes, type yes,
        answer yes, yes or no, yes no, kindly ensure, do you agree, do you approve, do you authorize, awaiting your
        approval, your approval, would you like me, ready to, to confirm, just to confirm, make sure, is it
        correct/right, am i right, is it ok/okay, check the following, you want to, you would like to, just
        checking, just to verify, verify that, all correct, everything correct, look correct/good/right, okay so,
        soll ich, sollen wir, möchten sie, wollen sie, möchtest du, willst du, darf ich, bestätigen sie, bitte
        bestätigen, einverstanden, ist das richtig/korrekt, quiere que, quieres que, desea que, desea, confirma,
        confirme, puedo proceder, procedo, le gustaría, está de acuerdo, es correcto, voulez vous, souhaitez vous,
        confirmez, dois je, puis je, est ce correct, vuole che, vuoi che, conferma, desidera, posso procedere,
        gostaria, posso, quer que, confirmar, wilt u, wil je, zal ik, klopt dat, bevestigt u, подтверждаете, хотите"""
    }
)
"""How an agent asks for a go-ahead."""

ONLY_TALK: Final = Lexicon(
    {
        "talk": """me to check/explain/look/tell/show/find/describe/walk, i
        check/explain/look/tell/show/find/describe/help/assist, to know, know more, know about, more information,
        learn more, more details, anything else, something else, other help, help you with, assist you with, further
        assistance, how to, see the policy, speak to/with"""
    }
)
"""An agent that offers to explain or look something up puts nothing at risk."""

RISKY_WORDS: Final[Mapping[str, str]] = {
    word: kind
    for kind, words in {
        "refund": """refund refunds refunded refunding reimburse reimbursement erstatten
        erstattung rückerstattung reembolso reembolsar rembourser remboursement remboursiez rimborso rimborsare
        rimborsi estorno reembolse terugbetalen terugbetaling credit""",
        "cancel": """cancel cancelling canceling cancellation canceled cancelled stornieren storniere stornierung
            kündigen kündige cancelar cancele annuler annulation annule annuli annullare disdire disdica annuleren
            annuleer opzeggen terminate unsubscribe""",
        "delete": """delete deleting deletion erase remove removing close closing deactivate löschen lösche eliminar
            elimine borrar borre supprimer supprime cancellare eliminare verwijderen""",
        "transfer": """transfer transferring wire send sending überweisen überweise transferir transfiera virement
            virer trasferire bonifico transferência""",
        "payment": """charge charging pay paying payment bill deduct debit abbuchen belasten bezahlen zahlung cobrar
            pagar cargo pago payer paiement débiter addebitare pagare pagamento betalen rent renting rental purchase
            purchasing""",
        "order": """order ordering buy buying place placing ship reorder replacement replace exchange bestellen
            bestelle comprar pedir pedido commander commande ordinare ordine acquistare kopen""",
        "booking": """book booking rebook rebooking reserve reserving reservation reschedule rescheduling
            appointment schedule scheduling visit ticket tickets buchen buche umbuchen buchung termin reservar
            reserva reserve réserver réservation prenotare prenotazione boeken reserveren table""",
        "change": """move moving confirma block freeze change changing update updating modify upgrade upgrading
            downgrade switch switching add edit
            ändern ändere aktualisieren cambiar cambie modificar actualizar changer modifier cambiare modificare
            aggiornare alterar mudar wijzigen""",
    }.items()
    for word in words.split()
}
"""Words for actions that move money, bind or destroy, with the kind of action."""

RISKY_VERBS: Final = wordset(
    """refund reimburse cancel terminate delete erase remove close deactivate transfer wire send move pay charge debit buy
    purchase order place ship reorder replace exchange book rebook reserve reschedule schedule rent change update
    modify upgrade
    downgrade switch add confirm submit apply proceed wipe reset unsubscribe renew block freeze void stornieren
    kündigen löschen
    überweisen buchen umbuchen bestellen ändern bezahlen erstatten cancelar cancelo borrar borro eliminar elimino
    transferir reservar
    reservo pagar reembolsar annuler annule supprimer réserver rembourser virer payer changer annullare annullo
    cancello prenotare
    prenoto rimborsare confermo confirmar annuleren verwijderen boeken betalen"""
)
"""Words that, first in an agent's question, name the act it would do: "Cancel and refund to your card?"."""

UNSPACED_ACTS: Final[Mapping[str, str]] = {
    part: kind
    for kind, parts in {
        "refund": "返金 退款 환불",
        "cancel": "キャンセル 取消 取り消 解約 취소 해지",
        "delete": "削除 退会 删除 刪除 注销 삭제 탈퇴",
        "transfer": "振込 振り込 送金 转账 轉帳 汇款 송금 이체",
        "payment": "支払 決済 付款 支付 결제",
        "order": "注文し 購入 下单 购买 주문 구매",
        "booking": "予約 预订 预约 預訂 예약",
        "change": "変更 更改 修改 변경",
    }.items()
    for part in parts.split()
}
"""Acts in scripts without spaces between words."""

RISKY_THINGS: Final = wordset(
    """flight flights bus buses train car cab ride room rooms hotel table seat seats ticket tickets visit appointment
    apartment"""
)
"""What a confirmation that names no action ("a bus to Oslo on 1 March, do you confirm?") is usually about: a booking."""

CONFIRMS_DETAIL: Final = Lexicon(
    {
        "detail": """confirm/verify your
        name/email/phone/identity/address/number/birthday/account/zip/postcode, confirm your order/phone/account
        number, confirm your date, confirm ~ email address, confirm ~ date of birth"""
    }
)
"""An agent that wants a detail confirmed, not an action."""

RISK_ORDER: Final = ("refund", "cancel", "delete", "transfer", "payment", "booking", "order", "change")

ESCALATED: Final = Lexicon(
    {
        "yes": """transferring you, transfer you to, connecting you, connect you with/to, escalated,
        escalating, have escalated, handing you over, passing you to, a specialist will, a colleague will, a
        supervisor will, a manager will, human agent will, you are being transferred, youre being transferred,
        being/been transferred to a/an/our/the human/agent/specialist/supervisor/colleague/representative/manager, you
        have been transferred, youve been transferred, put you through,
        forwarded your case, raised a ticket, opened a ticket, weitergeleitet, verbinde sie, weiterleiten, le
        transfiero, transfiriendo, je vous transfère, mise en relation, la trasferisco"""
    }
)
"""How an agent says that the case went to a person."""

OFFERS: Final = Lexicon(
    {
        "offer": """can/could transfer/connect/escalate/put/hand, like me to, want me to, would you like, do you want,
        shall/should i, if you would like, if youd like, if you want, möchten sie, soll ich, souhaitez vous, desea, quiere
        que, vuole che, gostaria, wilt u"""
    }
)
"""An agent that offers to hand over has not done it yet."""

ESCALATION_TOOLS: Final = frozenset({"escalate", "escalation", "handoff", "handover", "human", "supervisor"})
"""Words in the name of a tool that hands over to a person."""

REQUESTS: Final = Lexicon(
    {
        "more": """i need, i want, i wanna, id like, i would like, i would love, id love, i require, need to, want to,
        looking for, can you, could you, would you, will you, can i, could i, may i, help me, tell me, show me, give me,
        let me know, find, book, search, reserve, what is, what are, what about, whats, whats the, when is, when
        will, when
        does, where is, where are, where can, wheres, which, how much, how many, how long, how do, how can, how about, is
        there, are there, do you, does, did you, are you able, also, one more thing, another question, but i, quiero,
        necesito, puede, cuánto, cuándo, je veux, je voudrais, pouvez vous, combien, ich möchte, ich brauche, ich will,
        können sie, wann, wieviel, vorrei, quanto, quando, quero, preciso, ik wil, kunt u"""
    }
)
"""Signs that a text asks for something: a thank-you or a greeting beside them is not all there is."""
