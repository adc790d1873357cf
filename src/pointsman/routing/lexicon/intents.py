"""What customers of a support desk want: cues per intent, and how much is at stake.

Written for the project. Weight 1 is enough to recognise an intent by itself; below 1 a cue needs company. Cues in
        other
languages cover the commonest wishes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pointsman.routing.lexicon.emergencies import FRAUD, MEDICAL_SAFETY, UNSPACED
from pointsman.routing.lexicon.feelings import ASKS_HUMAN, NEGATORS, PHRASES, VALENCE, VALENCE_WORDS
from pointsman.routing.lexicon.match import Hit, Lexicon, Words

Risk = Literal["none", "low", "medium", "high"]

RISK: Final[Mapping[str, Risk]] = {
    "greeting": "none",
    "thanks": "none",
    "goodbye": "none",
    "feedback": "none",
    "faq": "low",
    "product_question": "low",
    "order_status": "low",
    "shipping": "low",
    "technical_problem": "medium",
    "return": "medium",
    "cancel": "medium",
    "payment": "medium",
    "account_access": "medium",
    "profile_change": "medium",
    "booking": "medium",
    "subscription": "medium",
    "complaint": "medium",
    "refund": "high",
    "billing": "high",
    "escalation": "high",
    "fraud": "high",
    "legal_privacy": "high",
    "medical_safety": "high",
}
"""Risk of each intent: money or rights at stake is high; changes that can be undone are medium."""

SMALL_TALK: Final = frozenset({"greeting", "thanks", "goodbye", "feedback"})

INTENT_CUES: Final = Lexicon(
    {
        "greeting": """hi*0.6, hello*0.6, hey*0.6, good morning/afternoon/evening*0.7, greetings*0.7,
        hola*0.7, bonjour*0.7, hallo*0.7, guten tag/morgen/abend*0.7, ciao*0.7, ola*0.7, buenos dias*0.7, buenas
        tardes*0.7, hiya*0.7, howdy*0.7, how are you*0.7, whats up*0.7""",
        "thanks": """thanks*0.8, thank you*0.8, thank u*0.8, thx*0.8, ty*0.6, cheers*0.7, much appreciated*0.8,
            gracias*0.8, merci*0.8, danke*0.8, vielen dank*0.8, grazie*0.8, obrigado/obrigada*0.8, dank je/u*0.8,
            appreciate it/that*0.7, appreciate your help*0.8, you are/were a lifesaver*0.9, great help*0.8""",
        "goodbye": """bye*0.8, goodbye*0.9, good bye*0.9, see you*0.7, see ya*0.8, have a nice/good/great
            day/evening/one*0.8, take care*0.7, thats all*0.7, that is all*0.7, that will be all*0.9, thatll be
            all*0.9, nothing else*0.7, talk later*0.7, no thats it*0.8, adios*0.9, au revoir*0.9, tschuss*0.9,
            tschüss*0.9, auf wiedersehen*0.9, arrivederci*0.9, catch you later*0.9, signing off*0.9, hasta luego*0.9""",
        "faq": """is/are ~ included*1.1, is ~ free of charge*1.1, is parking/wifi/breakfast/delivery/shipping
            free*1.1, are
            pets/dogs/cats/children/kids/animals allowed/welcome*1.1, is ~ allowed*1, do you allow*1, is there
            parking/wifi/breakfast*1,
            do you have parking/wifi/breakfast*1, how many kg*1, está incluido*1.1, aceptan mascotas/perros*1.1,
            vocês aceitam*1.1,
            está incluído*1.1, acceptez vous*1.1, est inclus/compris*1.1, ist ~ inklusive/inbegriffen*1.1, sind
            hunde/haustiere erlaubt*1.1,
            è inclusa/incluso/compresa/compreso*1.1, accettate cani/animali*1.1, what is your*0.8, what are your*0.8,
            whats your*0.8, do you have a*0.6, do you offer*0.9, do you
            accept*1, do you take*0.8, do you ship*0.7, are you open*1.1, opening/business/store/office hours*1.1,
            what time do you*1.1, when do you open/close*1.1, where are you located*1.1, nearest
            store/branch/shop/office/location*1.1,
            return/refund/cancellation/privacy/shipping/exchange/warranty/baggage policy*1.2, how does ~ work*0.8,
            how do i*0.6, how can i*0.6, how do you*0.6, can you explain*0.8, tell me about*0.7, what does ~ mean*1,
            whats the difference*1, what is the difference*1, is there a fee*0.9, phone number for*0.7, contact
            details*0.8, terms and conditions*1, what are the requirements*1, how long do i have to*1, am i
            allowed*0.9, is it possible to*0.6, which countries*1, what countries*1, payment methods*1, horario*0.9,
            öffnungszeiten*1, heures douverture*1""",
        "order_status": """siparişim*1.1, paczka*1.1, moja paczka*1.2, delay with my*1, my last order*0.8,
            callback*0.5, didnt receive*0.9, havent received*0.9, not received*0.9, the status*0.8, still hasnt
            come*1, nicht angekommen*1.1, nicht erhalten*1, kommt meine/mein*1.1, no ha llegado*1.1, no he
            recibido*1.1, pas reçu*1, pas encore reçu*1.1, pas arrivé/arrivée*1.1, non è arrivato/arrivata*1.1, não
            chegou*1.1, niet ontvangen/aangekomen*1.1, verspätung*0.9, retraso*0.9, in retard*0.8, i ordered ~
            where*1.1, i ordered ~ when*1, delivered but*1, news on*0.9, when will ~ get here*1.1, get here*0.8,
            card ~ arrive/arrived/come*1, card ~ delivery/delivered/mail*1, новости по*0.8, где мой/моя/мои*1.2, мой
            заказ*1, where is/are my*1.2, wheres my*1.2, where my*0.9, order status*1.2, status of my*1.1, track
            my*1.2, track an order*1.2, tracking number/info/link/code*1.1, my order ~ arrive/arrived/arriving*1.1,
            has/hasnt my order*1, has ~ shipped*1.1, have you shipped*1.1, when will ~
            arrive/come/ship/delivered*1.1, when is ~ arriving/coming/arrive*1, my
            package/parcel/delivery/shipment*0.9, order ~ yet*0.8, still waiting for ~
            order/package/parcel/delivery*1.2, update on my*1, any update/news on*1, out for delivery*1.1, order ~
            late*1, parcel*0.7, not arrived*1, hasnt arrived*1.1, havent received ~ order/package/parcel/it*1.1,
            never arrived*1.1, never received*1, didnt arrive*1.1, donde esta mi*1.2, dónde está mi*1.2, mi
            pedido*1, estado de mi*1.1, où est ma/mon*1.2, ma commande*1, mon colis*1.1, wo ist/bleibt
            meine/mein*1.2, meine bestellung*1, mein paket*1.1, dove è/e il*0.8, mio ordine*1, mio pacco*1.1, onde
            está*1, meu pedido*1, waar is mijn*1.2, mijn bestelling/pakket*1""",
        "shipping": """delivery*0.65, deliver*0.6, dispatch*1, dispatched*0.9, cutoff*0.9, cut off time*1, driver ~
            leave*1.1, leave it with/at/behind*1.1, leave ~ package/parcel*1, shipping
            cost/costs/fee/fees/rate/rates/options/time/times/address*0.95, delivery
            cost/fee/time/times/options/address/date/slot/window*1.1, how long does ~ shipping/delivery*1.2, how
            long ~ deliver/ship/arrive*1, do you ship to*1.2, do you deliver*1.2, express/overnight/same/next day
            delivery/shipping*1, express/overnight/free/international shipping/delivery*1.1, ship to*0.8, deliver
            to*0.8, courier*0.9, customs*0.8, redeliver/redelivery*1.1, reschedule ~ delivery*1.3, left ~
            neighbor/neighbour/porch*0.8, wrong address*0.9, envío*0.8, envio*0.8, livraison*0.8, lieferung*0.8,
            versand*0.9, spedizione*0.8""",
        "refund": """compensation*1.1, compensate/compensated*1.1, want that reversed*1.2, extra amount back*1.2,
            amount back*1, refund/refunds/refunded/refunding*1.3, money back*1.3,
            reimburse/reimbursed/reimbursement*1.3, get my money*1.1, give me my money*1.2, store credit*0.9,
            reembolso*1.3, reembolsar*1.3, devolución del dinero*1.3, devuelvan ~ dinero*1.3, remboursement*1.3,
            rembourser/remboursé/remboursée*1.3, rückerstattung*1.3, erstattung/erstatten/erstattet*1.3, geld
            zurück*1.3, rimborso*1.3, rimborsare*1.3, terugbetaling*1.3, geld terug*1.3, zwrot*1.1, estorno*1.2,
            возврат*1.2""",
        "return": """kaputt angekommen*1.2, beschädigt*1.1, endommagé/endommagée*1.1, dañado/dañada*1.1,
            danneggiato/danneggiata*1.1, beschadigd*1.1, ruined*0.9, is/was/are/arrived/came damaged*1.05,
            came/arrived in pieces*1.1, received ~ instead of*1.1, got ~ instead of*1.1, send me the wrong*1.1, sent
            me ~ wrong*1.1, missing part/parts*1, part ~ missing*1, not what i ordered*1.1, wrong
            colour/color/model*1, return this/it/them/my/the/an/some*1, returning*0.9, returns*0.8, return
            label*1.2, send it/them/this back*1.2, send ~ back*1, exchange it/them/this/my/for*1, return ~
            item/items/order/shoes/product*1.2, replacement*0.8, replace my/the/this/it*0.8, wrong size*1, wrong
            item/product/color/colour/order*1.1, doesnt fit*1, dont fit*1, too small/big/large/tight*0.8, swap
            it/this/them*0.9, arrived broken/damaged/cracked/defective*1.1, came broken/damaged*1.1, defective*0.9,
            devolver*1.1, retourner*1.1, renvoyer*1.1, zurückschicken*1.2, zurücksenden*1.2, umtauschen*1.2,
            retoure*1.2, restituire*1.1, reso*0.8, ruilen*1.1""",
        "cancel": """delete/erase/wipe/remove ~ workspace/project/everything*1.1, surrender my*1,
            stop/revert/undo/withdraw my/the ~ transfer/payment*1.1, cancel*1.2,
            cancels/canceling/cancelling/cancellation*1, canceled/cancelled*0.9, call off*0.9, dont want ~
            anymore*0.9, no longer want/need*0.9, void*0.6, stop ~ order*0.9, cancelar*1.2, anular*1, annuler*1.2,
            annulation*1, stornieren*1.2, stornierung*1.1, kündigen*1.2, kündigung*1.1, disdire*1.1, annullare*1.1,
            annuleren*1.2, opzeggen*1.2, отменить*1.1""",
        "billing": """double billed*1.5, billed*0.9, doppelt belastet*1.5, belastet*1, dos veces*1, deux fois*1, due
            volte*1, prélevement*1.1, without my permission*1.1, unexplained*0.8, dispute/disputing/disputed*1.2,
            unknown charge/charges/fee*1.3, a fee*0.9, the fee*0.9, the charge*1, late fee*1.3, this
            charge/fee/payment*1.2, refund ~ didnt match*1, money ~ taken/deducted*1.3, deducted*1.2, debited*1.2,
            fee ~ statement*1.3, amount ~ wrong/incorrect*1.2, charged twice*1.5, double charged*1.5, charged me
            twice*1.5, charged two/three/double times*1.4, billed twice*1.5, overcharged*1.5, over charged*1.4,
            wrong charge*1.4, wrong amount*1.2, unexpected charge/fee/charges/fees*1.4, extra
            charge/fee/charges*1.3, hidden fee/fees/charge/charges*1.4, dispute*1.2, chargeback*1.4, charge
            back*1.2, charged for*1.1, charged me*1.1, was i charged*1.3, been charged*1.2, was charged*1.2, got
            charged*1.2, being charged*1.2, charge i*1, a charge*0.9, charges on*1.1, my bill*1, my invoice*1,
            invoice*0.8, billing*0.9, on my statement*1.1, bill is*0.9, bill ~ wrong/high/higher*1.3, why ~ fee*1.1,
            why did you charge*1.4, dont recognize ~ charge/payment/transaction*1.5, pending ~
            charge/transaction/payment*0.9, taken ~ from my account*1.1, charged ~ instead of*1.3, rechnung*0.9,
            abgebucht*1.3, facture*0.9, factura*0.9, cobrado*1.1, cobro*1.1, facturé*1.2, prélevé*1.3,
            addebitato*1.3, fattura*0.9, cobrança*1.2, doppelt ~ abgebucht*1.5""",
        "payment": """how much ~ pay*0.9, will we/i pay*1, do we/i pay*0.9, top ups*0.9, topping up*0.9, add
            money*1, deposit*0.9, withdraw/withdrawal*0.9, cash machine/atm*0.8, send ~ money*1, transfer*0.9,
            transferring*0.9, transfers*0.9, minimum payment*1.2, bill due*1.1, pay ~ bill/bills*1.1, how much do i
            owe*1.2, credit card bill*1.1, how much money*0.9, account balance*1.1, in my ~ account*0.8, bank
            account*0.7, checking/savings account*0.8, transaction/transactions*0.8, purchases*0.6, spent
            on/spending*0.9, currency/currencies*0.7, exchange rate*0.9, pay my*1, make a payment*1.2, payment
            failed*1.2, payment ~ declined/failed/rejected*1.2, card ~ declined/rejected*1.2, pay bill*1, pay
            with*0.8, pay by*0.8, pay for*0.6, paying*0.6, payment plan*1.1, installments*1, instalments*1, due
            date*0.9, when is ~ due*1, promo/discount/coupon/voucher code*1.1, gift card*0.9, apple pay*0.9, google
            pay*0.9, paypal*0.8, klarna*0.8, transfer money*1.2, transfer ~ to*0.9, send money*1.1, wire*0.8, bank
            transfer*0.9, top up*0.9, topup*0.9, top up ~ failed*1.1, direct debit*0.9, my balance*0.9, balance*0.6,
            autopay*1, pagar*0.8, pago*0.8, payer*0.8, paiement*0.8, bezahlen*0.8, zahlung*0.9, pagare*0.8,
            pagamento*0.8, überweisung*1, überweisen*1""",
        "account_access": """forgot which*1, which email ~ sign*1.1, cant remember my*1.1, passwort vergessen*1.3,
            passwort zurücksetzen*1.3, mot de passe oublié*1.3, olvidé mi contraseña*1.3, verify me/myself*1, cannot
            log/sign*1.2, cant log/sign*1.2, cant get into*1.2, login issues*1.2, not recognizing ~ password*1.1,
            verification*0.9, verify ~ identity*1.2, prove ~ identity*1.1, identity check*1.1, unlock my*1.2,
            pin*0.9, activate ~ card*1.1, activation*0.9, password*1.1, passcode*1, log in*1, login*1, log into*1,
            logging in*1, sign in*1, cant access*1, locked out*1.3, account ~ locked/blocked/suspended/disabled*1.3,
            locked my account*1.3, my account is locked*1.3, reset my*1, forgot/forgotten my*1.1, two factor*1.1,
            2fa*1.1, verification code*1.2, otp*1, authenticator*1, unlock*0.9, my pin*1, change my pin*1.1, pin ~
            blocked*1.1, verify my identity*1.1, activate my*0.9, contraseña*1.1, mot de passe*1.1, passwort*1.1,
            einloggen*1.1, anmelden*0.8, iniciar sesión*1.1, accedere*0.9, senha*1.1, wachtwoord*1.1, inloggen*1.1""",
        "profile_change": """change/update/edit the email/phone/name/address/number ~ account*1.3, nueva
            dirección*1, nouvelle adresse*1, nuovo indirizzo*1, adreswijziging*1.2, change/update/edit/correct my
            address/email/phone/name/details/number/information/profile/surname/username*1.2, change/update the
            address/email/phone/name*1, new address/email/phone*0.8, new phone number*1, moved
            house/apartment/recently*1, i moved to*0.9, ive moved*1, i just moved*1, i got married*0.8, update
            my*0.9, edit my*0.9, change ~ email/address/phone/surname*1, change my*0.6, personal details*0.9,
            language preference*1, notification preferences/settings*1, contact preferences*1, cambiar mi
            dirección/correo*1.2, changer mon adresse*1.2, meine adresse ändern*1.2, adresse ~ ändern*1.2, neue
            adresse*1""",
        "booking": """cant travel*1.1, cannot travel*1.1, luggage/baggage/suitcase ~ missing/lost/delayed*1.3, seat
            ~ changed*1.1, aisle/window seat*1.1, cambiar la fecha*1.2, mi vuelo*1.1, changer la date*1.2, mon
            vol*1.1, mein/meinen flug*1.1, mio volo*1.1, mijn vlucht*1.1, meu voo*1.1, flight ~
            delayed/cancelled/canceled*1.1, availability*1, available rooms/seats/tables/slots/times*1.1,
            earlier/later train/bus/slot*1.2, room ~ night*0.9, nights*0.7, round trip*1.1, one way ticket*1.1,
            fly/flying to/from*1, plane ticket/tickets*1.1, tickets*0.7, book*0.9, booking*1, bookings*1,
            booked*0.8, reserve*1, reservation*1.1, reservations*1.1, rebook*1.2, reschedule*1.1, appointment*1.1,
            flight*0.9, flights*0.9, hotel*0.8, seat*0.6, check in*0.7, upgrade my seat*1.1, change my flight*1.4,
            change ~ flight/reservation/booking/appointment*1.3, move my appointment/reservation/booking*1.3,
            earlier/later flight*1.2, table for*1.1, itinerary*1, buy ~ tickets/ticket*1.1, schedule a visit*1.1,
            rent a car*1.1, rental car*1, postpone*0.9, luggage/baggage*0.7, check out date*0.9, reserva*1,
            reservar*1, réservation*1.1, réserver*1.1, buchung*1.1, buchen*1, umbuchen*1.2, termin*1,
            prenotazione*1.1, prenotare*1.1, vuelo*0.9, vol*0.7, flug*0.9, boeking*1.1, afspraak*1""",
        "technical_problem": """came off*1, fell off/apart*1, manual*0.8, instructions*0.7, download*0.7,
            repair*0.9, repairs/repaired*0.9, technician*1, modem*0.9, battery*0.7, leak/leaks/leaking*1, defekt*1,
            kaputt*1, cassé/cassée*1, roto/rota*1, rotto/rotta*1, stuck ~ screen*1, making ~ noise*1, makes ~
            noise*1, strange/weird/loud noise*1, doesnt heat/cool/spin/drain/print/scan*1.1, wont
            print/scan/heat/drain*1.1, internet/connection/app/site/website is ~ slow*1, lagging/laggy*1, jammed*1,
            screen ~ black/blank/flickering/flickers*1.1, stays black*1.1, broken*0.8, broke*0.8,
            malfunction/malfunctioning*1.1, factory reset*1, wont ~ anymore*0.7, keeps saying*0.9, stuck on*1,
            stuck*0.7, blinking*1, no sound*1.1, unresponsive*1.1, logs me out*1.1, kicks me out*1.1, doesnt
            respond*1.1, have/having trouble*0.9, having ~ issues/issue/problems*0.9, having problems*0.9, doesnt
            work*1.1, not working*1.1, dont work*1, isnt working*1.1, stopped working*1.2, wont work*1.1, wont
            start/load/open/connect/turn/charge/sync/update*1.1, doesnt
            start/load/open/connect/turn/charge/sync/update*1.1, cant connect/load/open/install/download/update*1,
            not loading/connecting/syncing/charging/responding*1.1, error code/message*1.1, an error*1, error*0.7,
            crash/crashes/crashed/crashing*1.1, frozen*0.8, freezes/freezing*0.9, keeps ~
            crashing/freezing/disconnecting/restarting*1.3, bug*0.9, glitch*1, blank/black/white screen*1.1,
            outage*1.1, down*0.4, is down*0.9, no internet*1.2, internet ~ slow/down*1.2, wifi*0.9, wi fi*0.9,
            router*0.7, bluetooth*0.8, app ~ crash/broken/working*1, website ~ broken/down/working*1, no signal*1.1,
            troubleshoot*1.1, install*0.7, setup*0.6, set up*0.6, firmware*1, reboot/restart*0.7, offline*0.7,
            technical issue/problem/support*1.1, no funciona*1.2, ne fonctionne pas*1.2, ne marche pas*1.2,
            funktioniert nicht*1.2, geht nicht*1, non funziona*1.2, não funciona*1.2, werkt niet*1.2, doet het
            niet*1.2, не работает*1.2""",
        "complaint": """antwort*0.6, ich warte*0.8, not happy*1, unhappy*1.1, isnt solved*0.9, nobody ~
            answered/answers/replied/responded/called*1.2, no one ~ answered/replied/responded/called*1.2, business
            elsewhere*1.3, not good enough*1.1, let down*1, treated like*1, horrible*0.9, terrible*0.9, awful*0.9,
            useless*1, poor quality*1, bad service/experience*1.1, frustrated/frustrating*0.9, are you kidding*0.9,
            still ~ waiting for ~ answer*1, complaint*1.3, complain*1.3, file a complaint*1.5, unacceptable*1.1,
            terrible/awful/horrible/worst/poor/bad service*1.2, terrible/awful/horrible/worst/poor experience*1.2,
            worst company*1.3, rude*1.1, disappointed*1, disgusted*1.1, ridiculous*1, fed up*1, never again*1, waste
            of time*1, third/fourth/fifth time*0.9, how many times*0.9, bad review*1.2, one/1 star review/rating*1,
            nobody ~
            helps/help/answers/responds/cares*1.1, no one ~ helps/help/answers/responds/cares*1.1, incompetent*1.1,
            beschwerde*1.3, queja*1.3, plainte*1.1, réclamation*1.3, reclamo*1.2, reclamación*1.3, klacht*1.3,
            reclamação*1.3, inaceptable*1.1, inacceptable*1.1, unverschämt*1.1, inaccettabile*1.1""",
        "escalation": """speak/talk/chat to/with a/an
            human/person/agent/representative/rep/manager/supervisor/someone/operator*1.6, speak/talk to/with
            someone*1.4, speak/talk to/with your manager/supervisor*1.6, speak/talk to/with the
            manager/supervisor*1.6, real person*1.5, actual person*1.5, real human*1.5, human agent*1.5, live
            agent/person/chat*1.4, human please*1.5, agent please*1.4, customer service representative*1.3,
            representative*1, supervisor*1.2, a manager*1.1, escalate*1.4, call me back*1.2, transfer me*1.3,
            connect me*1.2, put me through*1.4, operator*0.9, not a bot*1.2, no bot/bots/robots*1.1, talk/speak
            to/with a real/live/actual*1.6, hablar con una/un persona/agente/humano/representante/supervisor*1.6,
            parler à un/une humain/conseiller/personne/agent/conseillère*1.6, mit einem menschen*1.6, mit einem
            mitarbeiter*1.6, einen mitarbeiter*1.1, parlare con un/una operatore/persona/umano*1.6, falar com um/uma
            atendente/pessoa/humano*1.6, met een medewerker/mens*1.6, оператора*1.3""",
        "fraud": f"""{FRAUD}, i never ordered*1.3, never ordered this*1.4, not my purchase/order*1.1, someone
            bought/ordered/charged*1.2, is this ~ scam*1.3, a scam*1.2, is this email/message/text real/legit*1.3,
            did not make*1.2, didnt make*1.1, i never made*1.2, wasnt me*1.3, not me*0.7, lost
            wallet/phone/card/purse*1.3, card ~ stolen/missing/lost*1.3, phone ~ stolen/lost*1.3, lost my ~
            card/phone/wallet*1.4, lost my wallet/phone*1.3, cant find my card*1.2, block the card*1.3,
            pickpocketed/mugged/robbed*1.4, someone else ~ my*1.1, dont remember ~ making*1.2, never
            authorized/authorised*1.4, asking for my pin/password*1.4, fraud*1.5, fraudulent*1.5, scam*1.1,
            scammed*1.5, phishing*1.6, hacked*1.5, stolen*1.3, stole*1, unauthorized/unauthorised*1.5, someone ~
            used/using my*1.5, someone ~ accessed*1.4, identity theft*1.7, compromised*1.4, suspicious*1.3, did not
            authorize*1.5, didnt authorize/authorise/make*1.3, didnt make ~
            payment/purchase/transaction/withdrawal/charge*1.5, dont recognize/recognise*1.1, not
            recognized/recognised*1, lost my card*1.4, lost ~ card/wallet*1.3, freeze my*1.3, block my card*1.4,
            freeze ~ card/account*1.3, security breach*1.6, data breach*1.5, fake website/email/site*1.4,
            robado/robada/robaron*1.4, estafa*1.4, fraude*1.5, volé/volée*1.3, piraté*1.5, betrug*1.5,
            gestohlen*1.4, gehackt*1.5, rubata/rubato*1.4, truffa*1.4, roubado/roubada*1.4, gestolen*1.4""",
        "subscription": """contract*0.8, my contract*1, cancel ~ auto renewal*1.3,
            family/student/business/annual/monthly/premium/basic/pro plan*1.1, seats ~ discount*1, subscription*1.1,
            subscriptions*1.1, subscribe/subscribed*0.9, unsubscribe*1.3, my plan*1, upgrade/downgrade my/to*1,
            upgrade*0.7, downgrade*1, renew/renewal/renews*1, auto renew/renewal*1.3, free trial*1.1, trial*0.7,
            membership*1, premium*0.6, pause my*1, switch ~ plan*1.2, change my plan*1.3, mailing list*1.1,
            newsletter*1, suscripción*1.1, abonnement*1.1, abo*1, abbonamento*1.1, assinatura*1.1""",
        "product_question": """warranty cover/covers/run/runs/last*1.1, the warranty*0.95, is ~ better than*0.9, how
            long is the warranty*1.1, enough for*0.6, which one should i*1, price match*1, vegan*0.9,
            vegetarian*0.9, gluten*0.9, do you have ~ options*1, discount*0.8, bulk*0.8, still under warranty*1.1,
            model number*0.7, alternative/alternatives to*0.9, does ~ come with*1.1, does ~ have*0.8, do
            these/they/those ~ contain/have/fit/work*1, contain*0.8, will this/it/these ~ work/fit*1.1, compare*1,
            is this/it suitable*1, suitable for*1, does ~ fit*1, made of*1, how big/heavy/long/tall/loud is/are*1,
            what colors/colours/sizes*1.1, which of your*1, better for*0.9, in stock*1.1, available in*0.9, is
            it/this compatible*1.1, compatible with*1.1, does it/this/the ~ work with*1.1, does it/this come
            with*1.1, does it have*0.9, what size*1, size chart/guide*1.1, how much is/are/does*0.9, how much ~
            cost*1.1, price of*1, whats the price*1, recommend*0.9, which one ~ better/best*1.1, which is
            better*1.1, difference between*1, waterproof*1, warranty*0.9, battery life*1.1, material*0.6,
            ingredients*0.8, do you sell/stock/carry*1.2, back in stock*1.2, specs*1, specifications*1,
            features*0.7, dimensions*1, looking for a/an/some*0.7, cuánto cuesta*1.1, combien coûte*1.1, wie viel
            kostet*1.1, was kostet*1.1, quanto costa*1.1, quanto custa*1.1, hoeveel kost*1.1""",
        "feedback": """nothing bad to say*1.2, no hard feelings*0.8, quality is great/good/excellent*1, you guys/all
            are the best/great/amazing/awesome*1, you are the best*1, was so kind/helpful/friendly/nice/patient*1,
            please thank*1, cant complain*1.4, cannot complain*1.4, no complaints*1.4, you should
            let/add/make/have/offer/allow*1.1, why dont you add*1, please add*0.9, not bad*0.8, works
            perfectly/great*0.9, really like*0.8, couldnt/could not be happier*1, so easy*0.8, happy with*0.9, great
            service*1, love the*0.9, love your*0.9, love this*0.9, excellent*0.7, awesome*0.6, amazing*0.6,
            suggestion*1, feedback*1.1, you should add*1, it would be nice/great*0.9, feature request*1.2, well
            done*1, great job*1, good job*0.8, keep it up*1, five stars*1, best ~ ever*0.9""",
        "legal_privacy": """close his/her/their account*1.3, passed away*1.2, deceased*1.2, remove my number*1.2,
            call list*1.1, do not call*1.1, stop calling*1.1, terms of service*0.8, cookies*0.7, personal
            information*1.2, share ~ data*1.2, close account*1.3, delete account*1.5, delete ~ account*1.4,
            deactivate ~ account*1.2, gdpr*1.8, ccpa*1.8, delete my data/account/information/profile*1.6, delete all
            my*1.6, delete ~ data*1.5, close my account*1.4, erase my*1.5, remove my data/information*1.5, right to
            be forgotten*1.8, personal data*1.3, my data*1, data you have*1.5, data you hold*1.5, data
            protection*1.5, lawyer*1.6, attorney*1.6, sue you*1.7, suing*1.6, legal action*1.7, legal*0.9,
            lawsuit*1.7, small claims*1.7, court*1.2, subpoena*1.7, consumer protection*1.4, ombudsman*1.5,
            regulator*1.4, opt out*1, terminate my account*1.4, privacy*0.9, dsgvo*1.8, rgpd*1.8, borrar/eliminar
            mis datos*1.7, supprimer mes données/compte*1.7, daten löschen*1.7, konto löschen*1.6, löschen sie*1.2,
            anwalt*1.6, abogado*1.6, avocat*1.5, avvocato*1.6, cancellare i miei dati*1.7""",
        "medical_safety": f"""{MEDICAL_SAFETY}, safe to use*1.2, safe for ~
            baby/children/kids/pregnant/dogs/cats*1.3, is it safe*1,
            call ~ ambulance*1.8, rash*1.2, swollen*1, dizzy*1.1, vomiting*1.3, burning*0.7, sparks/sparking*1.4,
            flames*1.5, toxic*1.2, going on anymore*1.2, want to die*2, allergic reaction*1.8, allergic*1.2,
            overdose*1.8, side effect/effects*1.6, dosage*1.4, dose*1.1, prescription*1.2, medication*1.3,
            symptoms*1.3, doctor*0.8, pregnant*1.1, suicide*2, suicidal*2, kill myself*2, self harm*2, hurt
            myself*2, end my life*2, emergency*0.9, medical emergency*1.6, caught fire*1.8, on fire*1.5, smoke*0.9,
            smoking*0.7, smells like burning/gas*1.6, burning smell*1.6, gas leak*1.8, overheats/overheating*1.2,
            exploded*1.6, electric shock*1.8, injured*1.5, injury*1.4, hospital*0.9, ambulance*1.6, chest pain*1.9,
            poison/poisoned/poisoning*1.6, swallowed*1.2, choking*1.5, unsafe*1.1, recall*0.9, bleeding*1.5,
            burned/burnt my*1.3, battery ~ swollen/swelling*1.6""",
    }
)

UNSPACED_CUES: Final[Mapping[str, str]] = {
    part: label
    for label, parts in {
        "refund": "退款 返金 환불 退钱 退錢 استرداد คืนเงิน रिफंड",
        "cancel": "取消 キャンセル 취소 إلغاء ยกเลิก",
        "return": "退货 退貨 返品 반품 交換",
        "order_status": "我的订单 我的訂單 包裹 快递 注文状況 届きません 届いていない 荷物 배송 주문 언제 طلبي พัสดุ",
        "account_access": "密码 密碼 パスワード ログイン 비밀번호 로그인 كلمة المرور",
        "escalation": "人工 真人 客服 オペレーター 担当者 상담원",
        "complaint": "投诉 投訴 苦情 불만 شكوى",
        "thanks": "谢谢 謝謝 ありがとう 감사합니다 شكرا ขอบคุณ धन्यवाद",
        "greeting": "你好 您好 こんにちは 안녕하세요 مرحبا สวัสดี नमस्ते",
    }.items()
    for part in parts.split()
} | dict(UNSPACED)
"""Cues in scripts that put no spaces between words, or join words to others: looked for anywhere in the text."""


def _moods(words: Words) -> list[Hit]:
    """Return what strong feelings alone amount to: a complaint, or praise."""
    if any(float(hit.label) <= _ANGRY for hit in PHRASES.hits(words.vocabulary, words.padded)):
        return [Hit("complaint", 0.9, "angry phrase")]
    values = [VALENCE[word] for word in words.vocabulary & VALENCE_WORDS]
    if not values or not words.vocabulary.isdisjoint(NEGATORS):
        return []
    if min(values) <= _BITTER:
        return [Hit("complaint", 0.7, "angry word")]
    return [Hit("feedback", 0.65, "praise")] if max(values) >= _GLAD and min(values) > 0 else []


_ANGRY: Final = -2.5
_BITTER: Final = -2.2
_GLAD: Final = 2.6
_BARE: Final = 2
_BARE_CALLS: Final = frozenset(
    ["agent", "human", "representative", "supervisor", "mitarbeiter", "agente", "operatore", "conseiller"]
)
"""A text of one or two words with one of these asks for a person."""


def intent_cues(words: Words) -> tuple[Hit, ...]:
    """Return every intent cue of a text."""
    hits = INTENT_CUES.hits(words.vocabulary, words.padded)
    if words.count <= _BARE and not words.vocabulary.isdisjoint(_BARE_CALLS):
        hits.append(Hit("escalation", 1.0, "bare call"))
    if ASKS_HUMAN.any(words.vocabulary, words.padded):
        hits.append(Hit("escalation", 1.4, "asks for a person"))
    if not hits:
        hits += _moods(words)
    if not words.text.isascii():
        hits += [Hit(label, 1.0, part) for part, label in UNSPACED_CUES.items() if part in words.text]
    return tuple(hits)
