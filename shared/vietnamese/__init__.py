"""Vietnamese text, phone numbers, money, dates and working days, for every service."""
