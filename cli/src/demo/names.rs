//! The shop's vocabulary: what it sells, under which brands, to people of which cities. The seed decides products, shoppers and
//! clicks; these tables stay, so towers trained on one seed know the words of every other.

/// A department: five categories that the same people like, and the brands that make them.
pub(super) struct Department {
    /// Its categories.
    pub(super) categories: [Category; 5],
    /// Its brands; [`BRAND_TIERS`] gives their price level by place.
    pub(super) brands: [&'static str; 12],
}

/// A category of products.
pub(super) struct Category {
    /// As in the feature `category`.
    pub(super) name: &'static str,
    /// One product of it, for titles.
    pub(super) noun: &'static str,
    /// Price of a middling product, in cents.
    pub(super) cents: u32,
    /// How much of the shop's traffic it draws.
    pub(super) weight: u32,
}

const fn category(name: &'static str, noun: &'static str, cents: u32, weight: u32) -> Category {
    Category { name, noun, cents, weight }
}

/// Price level of a department's brands, 0 (cheap) to 3 (dear).
pub(super) const BRAND_TIERS: [usize; 12] = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3];

/// Price of a level, in percent of the category's middling price.
pub(super) const TIER_PERCENT: [u32; 4] = [55, 90, 150, 260];

/// All departments.
pub(super) const DEPARTMENTS: [Department; 8] = [
    Department {
        categories: [
            category("tents", "Tent", 24_000, 5),
            category("sleeping bags", "Sleeping Bag", 14_000, 4),
            category("hiking boots", "Hiking Boots", 15_000, 8),
            category("rain jackets", "Rain Jacket", 12_000, 9),
            category("backpacks", "Backpack", 9_500, 9),
        ],
        brands: [
            "Campello",
            "Basefield",
            "Lodd",
            "Hillmark",
            "Fernweg",
            "Nordhag",
            "Tarnside",
            "Ridgeline",
            "Summitry",
            "Skarven",
            "Altipura",
            "Grandfell",
        ],
    },
    Department {
        categories: [
            category("running shoes", "Running Shoes", 11_000, 12),
            category("yoga mats", "Yoga Mat", 4_500, 5),
            category("dumbbells", "Dumbbell Set", 7_000, 3),
            category("sports tights", "Sports Tights", 5_000, 7),
            category("fitness watches", "Fitness Watch", 18_000, 7),
        ],
        brands: [
            "Joggo",
            "Fitwell",
            "Runda",
            "Pacer",
            "Stridewell",
            "Kinetiq",
            "Volata",
            "Tempora",
            "Aerlin",
            "Movano",
            "Velox",
            "Cadenza",
        ],
    },
    Department {
        categories: [
            category("city bikes", "City Bike", 69_000, 3),
            category("bike helmets", "Bike Helmet", 7_500, 5),
            category("bike lights", "Bike Light", 3_800, 6),
            category("panniers", "Pannier", 8_000, 4),
            category("cycling jerseys", "Cycling Jersey", 6_500, 4),
        ],
        brands: [
            "Pedalo",
            "Rollfix",
            "Spoke & Co",
            "Wheelby",
            "Ciclon",
            "Tandemo",
            "Gearhart",
            "Brevet",
            "Monteciclo",
            "Peloton Mill",
            "Vantaro",
            "Corsaire",
        ],
    },
    Department {
        categories: [
            category("kitchen knives", "Kitchen Knife", 6_000, 7),
            category("frying pans", "Frying Pan", 5_500, 8),
            category("stock pots", "Stock Pot", 7_500, 4),
            category("cutting boards", "Cutting Board", 3_500, 5),
            category("mixing bowls", "Mixing Bowl", 2_800, 4),
        ],
        brands: [
            "Kuchenfix",
            "Potluck",
            "Simmer",
            "Casa Bruna",
            "Fornello",
            "Hearthside",
            "Mise",
            "Tagliente",
            "Copperly",
            "Ateliere",
            "Maison Orme",
            "Hamono",
        ],
    },
    Department {
        categories: [
            category("espresso machines", "Espresso Machine", 42_000, 4),
            category("coffee grinders", "Coffee Grinder", 13_000, 5),
            category("kettles", "Kettle", 5_500, 6),
            category("teapots", "Teapot", 4_200, 4),
            category("mugs", "Mug", 1_800, 9),
        ],
        brands: [
            "Brewly",
            "Kaffa",
            "Steamo",
            "Morning & Son",
            "Tazza",
            "Leafwell",
            "Chado",
            "Baristo",
            "Perkolate",
            "Assamar",
            "Lumbre",
            "Officina Nera",
        ],
    },
    Department {
        categories: [
            category("headphones", "Headphones", 16_000, 12),
            category("speakers", "Speaker", 14_000, 8),
            category("keyboards", "Keyboard", 9_000, 7),
            category("computer mice", "Mouse", 5_000, 6),
            category("desk lamps", "Desk Lamp", 6_000, 5),
        ],
        brands: [
            "Beepo",
            "Clickware",
            "Voltbox",
            "Sonido",
            "Keyforge",
            "Tonal",
            "Lumenar",
            "Audire",
            "Nightdesk",
            "Klangwerk",
            "Resonant",
            "Halcyon",
        ],
    },
    Department {
        categories: [
            category("floor lamps", "Floor Lamp", 13_000, 4),
            category("armchairs", "Armchair", 38_000, 4),
            category("rugs", "Rug", 16_000, 6),
            category("cushions", "Cushion", 3_200, 8),
            category("bed linen", "Bed Linen Set", 8_500, 7),
        ],
        brands: [
            "Homeby",
            "Roomix",
            "Snug",
            "Lantern Row",
            "Hygga",
            "Casa Lino",
            "Woven & Warm",
            "Norrsken",
            "Stillhaus",
            "Velours",
            "Palazzina",
            "Oakhurst",
        ],
    },
    Department {
        categories: [
            category("board games", "Board Game", 3_900, 9),
            category("puzzles", "Puzzle", 2_200, 6),
            category("building blocks", "Building Block Set", 4_800, 8),
            category("plush animals", "Plush Animal", 2_500, 7),
            category("model trains", "Model Train", 9_000, 3),
        ],
        brands: [
            "Playbox",
            "Funkel",
            "Toytown",
            "Merrymake",
            "Kobold Games",
            "Ludique",
            "Bricolo",
            "Tinkerhill",
            "Bear & Hare",
            "Holzwurm",
            "Grand Chemin",
            "Tabula",
        ],
    },
];

/// Number of categories; category `c` is place `c % 5` of department `c / 5`.
pub(super) const CATEGORIES: usize = DEPARTMENTS.len() * 5;

/// Colours, as in the feature `colour`.
pub(super) const COLOURS: [&str; 12] =
    ["black", "white", "grey", "navy", "sky blue", "forest green", "olive", "mustard", "rust", "red", "rose", "lilac"];

/// Styles. A style shows only as a word of the title: the tower has to read it there.
pub(super) const STYLES: [[&str; 4]; 6] = [
    ["Plain", "Mono", "Slim", "Pure"],
    ["Rugged", "Storm", "Rock", "Expedition"],
    ["Retro", "Vintage", "Heritage", "Classic"],
    ["Pop", "Fizz", "Jolly", "Confetti"],
    ["Natural", "Moss", "Birch", "Meadow"],
    ["Pro", "Carbon", "Swift", "Precision"],
];

/// Names of product lines, for titles; they mean nothing.
pub(super) const LINES: [&str; 48] = [
    "Alder", "Amber", "Arden", "Aster", "Avon", "Bergen", "Calla", "Cedar", "Cobalt", "Comet", "Delta", "Dune", "Echo", "Elba", "Ember",
    "Fjord", "Flint", "Gale", "Harbour", "Hazel", "Indigo", "Iris", "Juno", "Kestrel", "Lark", "Linden", "Luna", "Mara", "Merlin",
    "Mistral", "Nova", "Onyx", "Opal", "Orion", "Otter", "Pine", "Quill", "Raven", "Rowan", "Sable", "Sienna", "Sol", "Tansy", "Tide",
    "Umbra", "Vega", "Wren", "Zephyr",
];

/// A city: its name, the department and the colour its people lean to.
pub(super) const CITIES: [(&str, usize, usize); 24] = [
    ("Amsterdam", 2, 7),
    ("Antwerp", 6, 0),
    ("Athens", 4, 1),
    ("Barcelona", 1, 9),
    ("Bergen", 0, 3),
    ("Bologna", 3, 8),
    ("Copenhagen", 2, 2),
    ("Cork", 7, 5),
    ("Dresden", 7, 10),
    ("Geneva", 0, 9),
    ("Ghent", 4, 6),
    ("Gothenburg", 6, 4),
    ("Graz", 0, 5),
    ("Hamburg", 5, 3),
    ("Helsinki", 6, 1),
    ("Krakow", 7, 8),
    ("Leipzig", 2, 6),
    ("Lille", 3, 10),
    ("Lisbon", 1, 7),
    ("Lyon", 3, 11),
    ("Manchester", 5, 0),
    ("Porto", 4, 4),
    ("Tallinn", 5, 2),
    ("Valencia", 1, 11),
];

/// Devices, as in the feature `device`.
pub(super) const DEVICES: [&str; 3] = ["phone", "tablet", "computer"];

/// First names, so that a person can tell the shoppers apart; not a feature.
pub(super) const PEOPLE: [&str; 32] = [
    "Ada", "Anders", "Anouk", "Bruno", "Carla", "Cem", "Dario", "Edith", "Elif", "Emil", "Femke", "Greta", "Hugo", "Ines", "Ivo", "Jonas",
    "Katya", "Lars", "Leila", "Luca", "Maeve", "Marta", "Milan", "Nadia", "Noor", "Oskar", "Paula", "Rafael", "Sofia", "Tomas", "Vera",
    "Yara",
];
