"""The catalogue of the invented shop: products with their usual prices, countries with their weights.

Names are spelled as in the original export. Antarctica and places without a region are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES_OUTSIDE = ("Toys", "Garden")
SEGMENTS = ("Frequent Shopper", "High Value", "Occasional Shopper")
SEGMENTS_OUTSIDE = ("VIP", "Wholesale")
STATUSES = ("Active", "Churned")
STATUSES_OUTSIDE = ("Paused", "Suspended")
CHANNELS = ("Organic Search", "Paid Ads", "Referral")
CHANNEL_WEIGHTS = (46, 33, 21)
FREQUENCIES = ("Monthly", "Yearly", "Rarely")


@dataclass(frozen=True)
class Product:
    name: str
    category: str
    subcategory: str
    cents: int
    weight: int


def _line(category: str, subcategory: str, weight: int, *products: tuple[str, int]) -> tuple[Product, ...]:
    """Best seller first: the n-th product sells weight / n."""
    return tuple(
        Product(name, category, subcategory, cents, weight // n) for n, (name, cents) in enumerate(products, 1)
    )


PRODUCTS: tuple[Product, ...] = (
    *_line("Books", "Fiction", 900, ("FictionTales", 1299), ("The Art of Fiction", 1895), ("FictionGuide", 1550)),
    *_line("Books", "Educational", 520, ("EducationalGuide", 3490), ("The Art of Educational", 4200),
           ("EducationalTales", 2799)),
    *_line("Books", "Non-fiction", 600, ("Non-fictionTales", 1690), ("Non-fictionGuide", 2250),
           ("The Art of Non-fiction", 2400)),
    *_line("Clothing", "Shirt", 1100, ("ShirtFits", 2495), ("ProShirt", 3900), ("ShirtWear", 1999)),
    *_line("Clothing", "Pants", 700, ("PantsWear", 4500), ("ProPants", 6990), ("PantsFits", 5495)),
    *_line("Clothing", "Jacket", 420, ("ProJacket", 14900), ("JacketWear", 9995), ("JacketFits", 11900)),
    *_line("Electronics", "Phone", 380, ("PhonePro", 79900), ("MegaPhone", 44900), ("UltraPhone", 99900),
           ("PhoneMaster", 34900)),
    *_line("Electronics", "Laptop", 210, ("LaptopPro", 119900), ("UltraLaptop", 154900), ("MegaLaptop", 89900),
           ("LaptopMaster", 69900)),
    *_line("Electronics", "Speaker", 450, ("SpeakerPro", 12900), ("UltraSpeaker", 24900), ("SpeakerMaster", 7990),
           ("MegaSpeaker", 17900)),
    *_line("Furniture", "Chair", 330, ("ComfortChair", 12900), ("ChairPlus", 8900), ("ChairDeluxe", 24900)),
    *_line("Furniture", "Table", 200, ("ComfortTable", 27900), ("TableDeluxe", 54900), ("TablePlus", 19900)),
    *_line("Furniture", "Sofa", 120, ("SofaPlus", 69900), ("SofaDeluxe", 119900), ("ComfortSofa", 84900)),
    *_line("Grocery", "Beverages", 1300, ("BeveragesBurst", 349), ("FreshBeverages", 299), ("TastyBeverages", 425)),
    *_line("Grocery", "Snacks", 1400, ("FreshSnacks", 275), ("SnacksBurst", 399), ("TastySnacks", 349)),
    *_line("Grocery", "Vegetables", 1000, ("FreshVegetables", 450), ("VegetablesBurst", 390), ("TastyVegetables", 525)),
)  # fmt: skip

_BY_REGION: dict[str, dict[str, int]] = {
    "Africa": {
        "South Africa": 90, "Nigeria": 80, "Egypt": 70, "Kenya": 45, "Morocco": 45, "Ghana": 25, "Tunisia": 20,
        "Algeria": 20, "Ethiopia": 15, "Senegal": 12, "Cote d'Ivoire": 12, "Cameroon": 10, "Uganda": 10,
        "Tanzania": 10, "Mauritius": 8, "Botswana": 6, "Namibia": 6, "Rwanda": 6, "Niger": 3, "Guinea": 3,
        "Guinea-Bissau": 2, "Libyan Arab Jamahiriya": 3, "Cape Verde": 3, "Swaziland": 2, "Reunion": 4,
    },
    "Americas": {
        "United States of America": 1150, "Canada": 240, "Brazil": 210, "Mexico": 160, "Argentina": 80, "Chile": 60,
        "Colombia": 60, "Peru": 40, "Ecuador": 18, "Uruguay": 16, "Costa Rica": 14, "Panama": 12, "Bolivia": 8,
        "Venezuela": 8, "Dominican Republic": 12, "Guatemala": 10, "Puerto Rico": 14, "Jamaica": 8, "Bahamas": 5,
        "Saint Kitts and Nevis": 1, "Guadeloupe": 3, "Falkland Islands (Malvinas)": 1,
    },
    "Asia": {
        "India": 330, "Japan": 260, "China": 240, "Korea": 110, "Indonesia": 90, "Singapore": 70, "Malaysia": 50,
        "Thailand": 50, "Philippines": 50, "Vietnam": 45, "Turkey": 60, "United Arab Emirates": 55, "Israel": 40,
        "Saudi Arabia": 40, "Taiwan": 45, "Hong Kong": 45, "Pakistan": 25, "Bangladesh": 20, "Sri Lanka": 12,
        "Kazakhstan": 12, "Georgia": 6, "Armenia": 5, "Jordan": 8, "Palestinian Territory": 3, "Iran": 5,
        "Syrian Arab Republic": 2, "Lao People's Democratic Republic": 2, "Kyrgyz Republic": 2, "Macao": 4,
    },
    "Europe": {
        "Germany": 430, "United Kingdom": 420, "France": 340, "Spain": 220, "Italy": 210, "Netherlands": 150,
        "Poland": 110, "Sweden": 90, "Switzerland": 85, "Belgium": 80, "Austria": 75, "Portugal": 60, "Denmark": 60,
        "Norway": 55, "Finland": 50, "Ireland": 50, "Czech Republic": 45, "Romania": 40, "Greece": 40, "Hungary": 30,
        "Ukraine": 25, "Slovakia (Slovak Republic)": 18, "Croatia": 14, "Bulgaria": 14, "Serbia": 12,
        "Lithuania": 12, "Estonia": 9, "Latvia": 9, "Slovenia": 10, "Luxembourg": 8, "Iceland": 6, "Malta": 4,
        "Russian Federation": 15, "Moldova": 4, "North Macedonia": 4, "Bosnia and Herzegovina": 5, "Monaco": 2,
        "Faroe Islands": 1, "Isle of Man": 2,
    },
    "Oceania": {
        "Australia": 260, "New Zealand": 75, "Fiji": 6, "Papua New Guinea": 5, "New Caledonia": 4, "Samoa": 2,
        "French Polynesia": 3, "Guam": 3, "Tonga": 1, "Vanuatu": 1,
    },
}  # fmt: skip

COUNTRIES = tuple(country for region in _BY_REGION.values() for country in region)
COUNTRY_WEIGHTS = tuple(weight for region in _BY_REGION.values() for weight in region.values())
COUNTRIES_UNKNOWN = ("Mismatched Country", "", "Atlantis", "Nowhere")
