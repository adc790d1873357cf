"""Words with which a request for an act begins, and what may stand before them."""

from __future__ import annotations

from typing import Final

from pointsman.routing.lexicon.match import wordset

IMPERATIVES: Final = wordset(
    """cambiar cancelar devolver reservar annuler changer réserver modifier stornieren ändern umbuchen annullare cambiare
    prenotare cancelar alterar annuleren wijzigen activate add apply arrange assign block book buy call cancel change
    charge check close confirm connect convert correct create deactivate delete deposit disable downgrade edit enable
    exchange extend find forward freeze get issue locate look lookup modify move open order pause pay
    place post put reactivate rebook refund reimburse remove renew rent reorder replace report reschedule resend
    reserve reset resubmit return reverse schedule search send set ship show start stop submit subscribe swap switch
    track transfer unblock unlock unsubscribe update upgrade verify void withdraw storniere buche schick
    sende ändere cancela cambia envía reserva annulez envoyez réservez changez annulla prenota cambi proceda"""
)
LEAD_IN: Final = wordset(
    """quiero necesito quisiera puede podría je voudrais veux ich möchte will vorrei voglio quero preciso gostaria ik wil
    please pls hi hello hey ok okay so and then also just now yes yeah sure great thanks can could would will you i we
    want need like to id wanna lets let us kindly bitte por favor"""
)
ALSO_DONE: Final = IMPERATIVES | wordset(
    """tell give email explain compare make use put keep let remind notify inform text call see figure ask include split merge
    dime avísame dis dites sag sagen informieren ändere storniere buche erstatte cancele añade añada ajoutez ajoute remboursez
    rimborsa aggiungi spostare sposta dimmi adicione altere cancele diga reembolse"""
)
"""Acts that a chain of wishes may name too."""
