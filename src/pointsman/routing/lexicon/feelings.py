"""How customers show what they feel: words with a valence from -4 (rage) to +3 (delight), and what turns them.

Words that only name a problem ("broken", "late") weigh little: a customer with a problem is not yet an angry customer.
Written for the project; scale and negation follow the idea of VADER (Hutto and Gilbert, 2014), none of its data is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pointsman.routing.lexicon.match import Lexicon, wordset

_BLOCKS: Final[Mapping[float, str]] = {
    -4.0: """fuck fucking fucked fck wtf bullshit shit shitty asshole assholes bastard bastards bitch idiots idiot
        morons moron mierda puta merde putain scheiße scheisse verdammt cazzo merda arschloch kut""",
    -3.0: """shocking appalled insane absurd clueless dishonest deceptive predatory robbery thief shambles
        unzumutbar lächerlich ridículo ridicule ridicolo arnaque ladrones voleurs truffatori abzocke betrüger
        schande belachelijk unacceptable disgusting disgusted disgrace disgraceful outrageous furious livid pathetic
        worst scammers scammer crooks thieves liars liar lied useless appalling atrocious horrendous terrible
        horrible awful ridiculous incompetent hate hated enraged infuriating fraudsters crap rage despicable
        shameful laughable insulting inexcusable nightmare abysmal dreadful garbage inaceptable pésimo pésima
        horrible terrible asco vergüenza furioso furiosa inadmissible honteux inacceptable scandaleux furieux
        unverschämt unverschämtheit katastrophe frechheit inakzeptabel wütend schrecklich furchtbar inaccettabile
        vergognoso pessimo pessima schifo inaceitável péssimo péssima horrível absurdo belachelijk schandalig
        verschrikkelijk ужасно ужас кошмар отвратительно""",
    -2.2: """shocked nonsense lame amateur amateurs unreliable misleading peinlich decepción dissapointed
        disapointed frustated anoyed angry mad frustrated frustrating frustration annoyed annoying upset
        disappointed disappointing disappointment irritated irritating unhappy dissatisfied unsatisfied miserable
        rude stupid dumb sucks sucked suck lousy mess misled misleading ignored cheated lying disrespectful
        unprofessional filthy gross vile revolting embarrassing regret mislead fuming ripoff damn hell enttäuscht
        enttäuschend frustriert sauer
        ärgerlich genervt decepcionado decepcionada enfadado enfadada molesto molesta frustrado déçu déçue énervé
        énervée mécontent mécontente deluso delusa arrabbiato arrabbiata frustrante boos teleurgesteld decepcionante
        chateado chateada разочарован злюсь""",
    -0.9: """scam scammed estafa sick tired poor bad worse complaint complain wrong problem problems issue issues
        broken fail failed fails failing failure damaged defective late delay delayed delays slow missing lost
        unfair confusing confused difficult error waiting waited unfortunately unable overcharged worried concerned
        unresolved inconvenient hassle schlecht malo mala mal mauvais mauvaise slecht ruim schlimm""",
    0.8: """good fine nice ok okay well useful gut bueno buena bien bon bonne bene goed bom boa solved works worked
        fixed resolved fair easy quick""",
    1.6: """great happy glad thanks thank helpful pleased appreciate appreciated satisfied enjoy enjoyed friendly
        smooth gracias merci danke grazie obrigado obrigada zufrieden contento contenta contente heureux glücklich
        blij bedankt cheers impressed spasibo спасибо""",
    2.6: """excellent amazing awesome fantastic wonderful perfect love loved loving brilliant outstanding superb
        best incredible delighted thrilled lifesaver stellar flawless excelente genial perfecto increíble parfait
        formidable super toll ausgezeichnet wunderbar perfekt perfetto fantastico ottimo ótimo geweldig fantastisch
        отлично""",
}

VALENCE: Final[Mapping[str, float]] = {word: value for value, block in _BLOCKS.items() for word in block.split()}
VALENCE_WORDS: Final = frozenset(VALENCE)
POLITE: Final = wordset(
    """thanks thank appreciate appreciated cheers gracias merci danke grazie obrigado obrigada bedankt spasibo спасибо ok
    okay well"""
)
"""Manners, not feelings: a negation does not turn them round, and they do not soften an angry text."""

NEGATORS: Final = wordset(
    """not no never dont doesnt didnt isnt arent wasnt werent wont cant cannot couldnt wouldnt shouldnt havent hasnt
    hadnt aint without hardly barely neither nor nothing nobody none lack rarely nicht kein keine keinen nie sin nunca
    jamás pas jamais sans non mai senza não nem niet geen nooit не нет"""
)
INTENSIFIERS: Final[Mapping[str, float]] = {
    word: factor
    for factor, block in {
        1.4: """very really so extremely absolutely completely totally utterly incredibly beyond super deeply highly
            truly fucking sehr muy très molto muito heel zo echt total""",
        0.6: "slightly somewhat bit little kinda fairly mildly etwas poco peu",
    }.items()
    for word in block.split()
}

PHRASES: Final = Lexicon(
    {
        "-3.5": """sue you, suing you, legal action, my lawyer, my attorney, small claims, see you in court,
            chargeback, charge back, dispute ~ with my bank, report you to, better business bureau, trading
            standards, consumer protection, take you to court, mein anwalt, mi abogado, mon avocat, mio avvocato,
            meu advogado, verbraucherzentrale, never shopping/buying/ordering/using ~ again, never again, never use
            ~ again, never buy ~ again, never shop ~ again, never order ~ again, never come back, lost a customer,
            losing a customer, losing me as a customer, lost me as a customer, taking my business elsewhere, take my
            business elsewhere, switching to your competitor, switch to a competitor, going to a competitor, going
            to your competitor, leaving you for, leave you for, tell everyone, warn everyone, bad review, one/1
            star review/rating, give/giving/gave/deserve/deserves/leaving ~ one/1 star, one/1 star from me, negative
            review, post ~ on twitter/social/reddit, rip off, ripped off, ripping me off, stole my
            money, stealing my money, steal my money, give me my money, waste of time/money, wasting my time, wasted
            my time, piece of junk/crap/garbage/trash, what a joke, is a joke, complete joke, daylight robbery, a
            disgrace, shame on you""",
        "-2.45": """my/our
            mother/father/mom/mum/dad/husband/wife/son/daughter/brother/sister ~ died/dead/dying/deceased/passed, my/our
            grandmother/grandfather/grandma/partner/baby/child/friend/parents/uncle/aunt ~
            died/dead/dying/deceased/passed, passed away, lost my
            mother/father/mom/mum/dad/husband/wife/son/daughter/partner/baby, a
            funeral, the funeral, his/her/their funeral, miscarriage, bereavement, terminally ill, in mourning,
            gestorben, verstorben,
            beerdigung, trauerfall, murió, falleció, fallecido, funeral de, décédé, décédée, obsèques, deuil, è
            morto/morta, funerale,
            faleceu, morreu, overleden""",
        "-2.6": """zum anwalt, rechtsanwalt, meinen anwalt, meinem anwalt, ein anwalt, einen anwalt, verklagen,
            verklage, klage
            einreichen/erheben, klage ein, mit klage, rechtliche schritte, gericht gehen, vor gericht, strafanzeige,
            anzeige erstatten,
            verbraucherschutz, bundesnetzagentur, schlichtungsstelle, voy a denunciar, denunciarlos, demandarlos, una
            demanda,
            a mi abogado, un abogado, porter plainte, au tribunal, un avocat, vous poursuivre, ufc que choisir, un
            avvocato,
            vi denuncio, adire le vie legali, vie legali, um advogado, no procon, procon, processar vocês, advocaat,
            naar de rechter,
            a/the/our lawyer/solicitor, a/the/our attorney, hear from my lawyer/solicitor, take ~ to court, file a
            complaint with,
            answer a single, didnt answer a/any/my, never answered, canned reply/response/answer/message,
            automated reply/response/answer, copy paste, copy and paste, tell all my, tell my friends, how dare,
            wasted my, tired of this, anybody/anyone even reading, is anyone there, over and over, again and again,
            emails go unanswered, had it with, enough of this, not impressed, paying for ~ nothing, do your job,
            sick and tired, driving me crazy/mad/nuts/insane, last chance, cancel everything, or ill cancel, or i
            will cancel, or im leaving, or i am leaving, find another provider/supplier/company, find someone else,
            going elsewhere, go elsewhere, second/third/fourth time ~ asking/calling/writing/contacting, treat ~
            customers, hours on hold, morning/day/evening on hold, on hold for ~ hours/hour, no response for,
            ghosted, nie wieder, nunca más, plus jamais, mai più, nunca mais, nooit meer, zum dritten mal, tercera
            vez, troisième fois, terza volta, terceira vez, derde keer, fed up, sick of, tired of
            this/your/you/being/waiting/calling/asking/repeating/chasing, had enough,
            enough is enough, last straw, at my wits end, losing my patience, lost my patience, losing patience, bed
            bugs, bedbugs, cockroaches, full of cockroaches, rats in, maggots,
            running out of patience, my patience, beyond frustrated, how hard can it be, how hard is it, is it that
            hard, how many times, third time, fourth time, fifth time, tenth time, for weeks, no one cares, nobody
            cares, you dont care, dont even care, nobody answers/helps/responds/replies, no one
            answers/helps/responds/replies, no one ~ respond/reply/answer/help, nobody ~
            respond/reply/answer/help/answered/replied/responded/helped, no one ~ answered/replied/responded/helped,
            disputing ~ my bank, the same copy paste, treated like this, treated this way, how i was treated, keep
            getting the runaround, the runaround, passed around, being passed from, going in circles, going around
            in circles, still nothing, still no reply/answer/response/refund, this is a joke, are you kidding, you
            kidding me, are you serious, are you even, are you stupid, do you even read, cant believe, hard to
            believe, what is wrong with you, wrong with you people, whats wrong with you, not good enough, not
            ok/okay/cool/acceptable/impressed/amused/fair, dont like how/the/your, didnt like how/the/your, dont
            appreciate, dont love,
            let me down, letting me down, let down, makes no sense, a mess, ruined, unbelievable, let that sink in,
            hung up on me, hung up, ignoring me, ignored me, ignoring my, lied to me, you lied, you people, you guys
            suck, this sucks, worst experience, bad experience, poor service, customer service is, zero help, no
            help at all, not helping, not helpful, no sense, absolute joke, ich habe die nase voll, nase voll, es
            reicht, reicht mir, estoy harto/harta, harto de, harta de, ras le bol, jen ai marre, en ai marre, una
            vergüenza, sono stufo/stufa, sono stanco/stanca, estou farto/farta, ben het zat, zat van""",
        "-3.4": """managed to lose/break/ruin/forget/mess, money well spent, now the new one, exactly what i paid
            for, how lucky, thanks for nothing, thank you for nothing, oh great, oh wonderful, oh perfect, oh
            fantastic, oh lovely, great so now, great just great, just great, just
            perfect, just wonderful, just fantastic, just brilliant, just
            lovely, how wonderful, how lovely, how nice of you, how convenient, how generous, slow clap, bravo, well
            done on losing, well done losing/breaking/ruining, great job losing/breaking/ruining/ignoring, good job
            losing/breaking/ruining/ignoring, nice job losing/breaking/ruining/ignoring, great job ~ wrong/again,
            love ~ waiting, love being, love how you, love spending, love paying, so helpful not, real helpful,
            really helpful not, thanks a lot for ~ wrong/nothing/losing/breaking/ruining, thanks for ~
            losing/breaking/ruining/wasting/ignoring, congratulations you, congrats you, wow such, must be nice,
            yeah right, yeah sure, what a surprise, big surprise, surprise surprise, as usual, as always broken,
            genius, geniuses, top notch ~ not, fantastic service ~ weeks/hours/days/months, great service ~
            weeks/hours/days/months, excellent service ~ weeks/hours/days/months, amazing service ~
            weeks/hours/days/months, clearly the best way, toll gemacht, na toll, super danke, danke für nichts,
            gracias por nada, merci pour rien, bravo merci, grazie di niente, obrigado por nada""",
        "0.0": """awful lot, to die for, tired of, not okay/ok/fair/cool for me""",
        "1.0": """hate to bother, no problem, no worries, no thanks, no thank you, no issues, not a problem""",
        "2.0": """not bad, not too bad, not bad at all, cant complain, no complaints, never been disappointed, never
            disappointed, never let me down, never had a problem/issue, no issues, not a problem, made my day, well
            done, keep it up, great job, good job, thumbs up, works perfectly, works great, all good, cant wait,
            could not be happier, couldnt be happier, couldnt have been better, cannot thank you enough, cant thank
            you enough, hats off, muchas gracias, vielen dank, pas mal, nicht schlecht, no está mal, niente male,
            nada mal, to die for""",
    }
)
"""Phrases whose label is their valence; they are taken as they stand, beyond the words in them."""

ASKS_HUMAN: Final = Lexicon(
    {
        "yes": """talk/speak/chat to/with somebody/anyone/anybody/staff, somebody/someone on the phone, give
        me someone, someone who can, human i can, person i can, get me someone/somebody, want/need/prefer a real, i
        want a person/human, prefer a person/human, hand me over, live support, phone support,
        speak/talk/chat/connect ~ person/human/agent/manager/supervisor/representative, alguien real, hablar con
        alguien, parler à quelquun, echten mitarbeiter/menschen, parlare con qualcuno, falar com alguém, iemand
        spreken, speak/talk/chat to/with a/an
        human/person/agent/representative/rep/manager/supervisor/someone/operator/specialist/advisor/adviser,
        speak/talk/chat to/with someone, speak/talk to/with your manager/supervisor/boss, speak/talk to/with the
        manager/supervisor, speak/talk/chat to/with a/an real/live/actual, real person, real human, actual person,
        actual human, human agent, human being, live agent, live person, live chat agent, human please, agent please, a
        human, representative please, a representative, get me a/your
        manager/supervisor/human/person/agent, get a manager/supervisor/human, need a
        human/person/agent/manager/supervisor, want a human/person/agent/manager/supervisor, want your
        manager/supervisor, your supervisor, your manager, a supervisor, the supervisor, escalate this, escalate my,
        escalate it, please escalate, transfer me to, connect me to/with, put me through, call me back, someone call
        me, have someone call, someone to call me, get/want/need ~ customer service agent/representative, stop ~ bot,
        not a bot, not a robot, hate bots, no bots, talk to a
        machine, talking to a bot/robot/machine, operator please, an operator, the operator please, someone from your
        team, someone real,
        someone who can actually, hablar con una/un persona/agente/humano/representante/supervisor/asesor/operador,
        con una persona, con un humano, un agente, parler à un/une
        humain/conseiller/personne/agent/conseillère/responsable, parler avec un/une
        humain/conseiller/personne/agent, un conseiller, un humain, mit einem menschen, mit einem mitarbeiter, mit
        einer person, echten menschen, einen menschen, einen mitarbeiter, mit jemandem sprechen, vorgesetzten,
        parlare con un/una operatore/persona/umano/responsabile, un operatore, falar com um/uma
        atendente/pessoa/humano/supervisor, um atendente, met een medewerker/mens/persoon, een medewerker, соедините
        ~ оператором, оператора, живого человека, с оператором"""
    }
)
"""How a customer asks for a person."""
