"""How the intents of CLINC150 and Banking77 map to ours. More than one of ours may be right; unmapped ones are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _map(blocks: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {name: frozenset(ours.split()) for ours, names in blocks.items() for name in names.split()}


BANKING77: Final = _map(
    {
        "refund": "Refund_not_showing_up request_refund",
        "refund billing payment": "reverted_card_payment?",
        "billing": "transaction_charged_twice extra_charge_on_statement",
        "billing payment faq": """card_payment_fee_charged cash_withdrawal_charge transfer_fee_charged top_up_by_bank_transfer_charge
            top_up_by_card_charge exchange_charge wrong_amount_of_cash_received card_payment_wrong_exchange_rate
            wrong_exchange_rate_for_cash_withdrawal""",
        "fraud": "compromised_card lost_or_stolen_card lost_or_stolen_phone",
        "fraud billing": "card_payment_not_recognised cash_withdrawal_not_recognised direct_debit_payment_not_recognised",
        "order_status shipping": "card_arrival card_delivery_estimate",
        "cancel": "cancel_transfer",
        "legal_privacy cancel": "terminate_account",
        "account_access": "change_pin passcode_forgotten pin_blocked verify_my_identity unable_to_verify_identity why_verify_identity",
        "account_access technical_problem faq": "activate_my_card",
        "profile_change": "edit_personal_details",
        "payment": "automatic_top_up topping_up_by_card top_up_by_cash_or_cheque transfer_into_account receiving_money",
        "payment technical_problem billing order_status": """pending_card_payment pending_cash_withdrawal pending_top_up pending_transfer
            failed_transfer declined_card_payment declined_cash_withdrawal declined_transfer top_up_failed top_up_reverted
            transfer_not_received_by_recipient transfer_timing balance_not_updated_after_bank_transfer
            balance_not_updated_after_cheque_or_cash_deposit beneficiary_not_allowed""",
        "technical_problem payment": "card_not_working contactless_not_working virtual_card_not_working card_swallowed",
        "faq product_question payment": """age_limit atm_support country_support fiat_currency_support supported_cards_and_currencies
            visa_or_mastercard apple_pay_or_google_pay exchange_rate exchange_via_app disposable_card_limits card_acceptance
            top_up_limits get_disposable_virtual_card getting_virtual_card getting_spare_card""",
    }
)

CLINC150: Final = _map(
    {
        "order_status": "order_status",
        "booking": "book_flight book_hotel restaurant_reservation car_rental confirm_reservation",
        "booking cancel": "cancel_reservation",
        "booking faq": "accept_reservations carry_on",
        "booking order_status": "flight_status lost_luggage",
        "fraud": "report_fraud",
        "fraud return payment": "report_lost_card",
        "fraud account_access": "freeze_account",
        "account_access": "account_blocked pin_change",
        "payment technical_problem": "card_declined",
        "shipping order_status": "replacement_card_duration",
        "payment billing": "bill_balance bill_due pay_bill min_payment balance transfer transactions spending_history",
        "billing faq": "international_fees",
        "faq product_question": "interest_rate apr",
        "greeting": "greeting",
        "thanks": "thank_you",
        "goodbye": "goodbye",
    }
)

NO_CUSTOMER_INTENT: Final = frozenset(
    """roll_dice flip_coin spelling definition time timezone weather timer alarm make_call text date find_phone recipe calories
    cook_time food_last ingredient_substitution meal_suggestion nutrition_info fun_fact meaning_of_life tell_joke
    what_are_your_hobbies do_you_have_pets how_old_are_you where_are_you_from play_music next_song what_song smart_home
    todo_list shopping_list traffic mpg tire_pressure whisper_mode change_accent""".split()
)
"""CLINC150 intents that no support desk has: nothing should be recognised."""
