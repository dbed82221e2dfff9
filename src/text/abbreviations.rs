//! Words that end in a full stop without ending a sentence, by language.

use super::Lang;

/// How an abbreviation stands to what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abbreviation {
    /// Belongs to the next word and never ends a sentence: "Dr.", "ім.".
    Prefix,
    /// May end a sentence, but not before a number: "млн.", "Inc.", "Jan.".
    Other,
}

/// Abbreviations of one language, without their last full stop.
struct Table {
    langs: &'static [&'static str],
    prefixes: &'static [&'static str],
    others: &'static [&'static str],
}

#[rustfmt::skip]
const TABLES: [Table; 10] = [
    Table {
        langs: &["en"],
        prefixes: &["Mr", "Mrs", "Ms", "Mx", "Dr", "Prof", "Gen", "Col", "Lt", "Sgt", "Capt", "Cmdr", "Adm", "Maj", "Brig",
            "Sen", "Sens", "Rep", "Reps", "Gov", "Pres", "St", "Mt", "Rev", "Hon", "Amb", "Messrs", "vs", "e.g", "i.e", "cf"],
        others: &["No", "Nos", "Fig", "Art", "Sec", "Vol", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sep", "Sept",
            "Oct", "Nov", "Dec", "approx", "ca", "pp"],
    },
    Table {
        langs: &["uk"],
        prefixes: &["т.зв", "зв", "ім", "вул", "просп", "пров", "бул", "св", "проф", "акад", "доц", "ген", "полк", "кап",
            "див", "напр", "гр", "пл", "оз", "смт", "о.Бл", "в.о", "т.в.о"],
        others: &["ст", "стор", "рр", "млн", "млрд", "трлн", "тис", "грн", "коп", "дол", "обл", "р-н", "ін", "та ін", "год",
            "хв", "сек", "кв", "куб", "пп", "ч", "розд", "т.д", "т.п", "н.е", "січ", "лют", "бер", "квіт", "трав", "черв",
            "лип", "серп", "вер", "жовт", "лист", "груд"],
    },
    Table {
        langs: &["ru", "bg", "be"],
        prefixes: &["т.н", "им", "ул", "просп", "пер", "бул", "св", "проф", "акад", "доц", "ген", "полк", "кап", "см",
            "напр", "гр", "пл", "оз", "пос", "и.о", "врио", "т.е", "т.к", "тов"],
        others: &["ст", "стр", "гг", "млн", "млрд", "трлн", "тыс", "руб", "коп", "долл", "обл", "р-н", "др", "пр", "час",
            "мин", "сек", "кв", "куб", "пп", "ч", "разд", "т.д", "т.п", "н.э", "вв", "янв", "февр", "фев", "апр", "авг",
            "сент", "окт", "нояб", "дек", "хил"],
    },
    Table {
        langs: &["es", "pt", "it", "ca", "gl"],
        prefixes: &["Sr", "Sra", "Srta", "Sres", "Dr", "Dra", "D", "Dña", "Ud", "Uds", "Gral", "Lic", "Ing", "Arq", "Prof",
            "Cnel", "Tte", "Sto", "Sta", "Mons", "Av", "Avda", "p.ej", "ej", "Sig", "Dott", "On", "Exmo", "Excmo", "Excma"],
        others: &["art", "núm", "nº", "pág", "págs", "vol", "EE.UU", "EE", "RR", "FF", "AA", "JJ", "aprox", "máx", "mín", "Cía"],
    },
    Table {
        langs: &["fr"],
        prefixes: &["M", "MM", "Mme", "Mmes", "Mlle", "Dr", "Pr", "Me", "Mgr", "St", "Ste", "av", "boul", "cf", "p.ex"],
        others: &["art", "chap", "fig", "vol", "env", "janv", "févr", "avr", "juil", "sept", "oct", "nov", "déc"],
    },
    Table {
        langs: &["de"],
        prefixes: &["Dr", "Prof", "Hr", "Hrn", "Fr", "Frl", "St", "Str", "Nr", "Gen", "Dipl", "Ing", "z.B", "d.h", "u.a", "v.a",
            "i.d.R", "s.o", "sog", "vgl", "bzw", "ca", "ggf", "evtl", "inkl", "exkl", "insb", "einschl", "Abs", "zz", "zzt",
            "o.g", "u.U", "gegr", "geb", "gest", "v.Chr", "n.Chr", "vs", "Mio", "Mrd", "Tsd"],
        others: &["Art", "Jh", "Jan", "Feb", "Aug", "Sept", "Okt", "Nov", "Dez", "usw", "etc", "S", "Bd"],
    },
    Table {
        langs: &["pl"],
        prefixes: &["dr", "prof", "gen", "płk", "ppłk", "mjr", "kpt", "por", "hab", "inż", "mgr", "ks", "bp", "abp", "kard",
            "św", "ul", "al", "pl", "os", "im", "tzw", "tzn", "np", "m.in", "ok", "ww", "red", "min", "pos", "sen", "płn", "płd",
            "wsch", "zach", "wg", "zob", "por", "ś.p", "śp", "pt", "ds", "ws", "Wlk", "woj"],
        others: &["art", "ust", "pkt", "nr", "str", "tys", "mln", "mld", "proc", "godz", "itd", "itp", "r", "w", "ur", "zm", "rys"],
    },
    Table {
        langs: &["cs", "sk"],
        prefixes: &["tzv", "např", "mj", "tj", "resp", "popř", "příp", "sv", "ul", "nám", "prof", "doc", "gen", "plk", "mjr",
            "kpt", "por", "npor", "ing", "Ing", "Mgr", "JUDr", "MUDr", "PhDr", "RNDr", "Bc", "dr", "Dr", "prap", "tř", "srov", "p",
            "cca", "ve zn", "t.č", "t.zv", "napr", "t.j", "o.s"],
        others: &["č", "čl", "odst", "str", "tis", "mil", "mld", "mio", "min", "hod", "atd", "apod", "aj", "r", "stol", "roč"],
    },
    Table {
        langs: &["tr", "az"],
        prefixes: &["Dr", "Prof", "Doç", "Av", "Gen", "Org", "Alb", "Sn", "Hz", "Yrd", "Müh", "örn", "bkz"],
        others: &["No", "s", "vb", "vs", "yy", "Cad", "Sok", "Mah"],
    },
    Table {
        langs: &["ar", "fa", "ur"],
        prefixes: &["أ.ف.ب", "أ", "ه.ش", "د", "م", "ص"],
        others: &["هـ", "ق.م"],
    },
];

/// In every language of news.
const COMMON_PREFIXES: [&str; 3] = ["vs", "Dr", "Prof"];
const COMMON_OTHERS: [&str; 13] = [
    "Inc", "Ltd", "Co", "Corp", "Jr", "Sr", "Bros", "etc", "al", "a.m", "p.m", "млн", "млрд",
];

/// Words that begin a sentence after "U.S." rather than go on with the name.
const STARTERS: [&str; 40] = [
    "The",
    "A",
    "An",
    "In",
    "On",
    "At",
    "He",
    "She",
    "It",
    "They",
    "We",
    "I",
    "But",
    "And",
    "This",
    "That",
    "These",
    "If",
    "When",
    "While",
    "As",
    "After",
    "Before",
    "For",
    "However",
    "Meanwhile",
    "His",
    "Her",
    "Its",
    "Their",
    "There",
    "Last",
    "Earlier",
    "Both",
    "Since",
    "What",
    "Also",
    "Yet",
    "So",
    "Some",
];

/// Words that begin a German sentence rather than follow an ordinal.
#[rustfmt::skip]
const GERMAN_STARTERS: [&str; 30] = [
    "Der", "Die", "Das", "Den", "Dem", "Des", "Ein", "Eine", "Er", "Sie", "Es", "Wir", "Ich", "In", "Im", "Am", "An", "Auf", "Aus", "Bei",
    "Für", "Mit", "Nach", "Und", "Aber", "Auch", "Doch", "Dabei", "Damit", "Zu",
];

/// Whether `word` (without its last full stop) abbreviates something in `lang`, and how.
///
/// Where the language is unknown, the words of every language count.
pub(super) fn find(word: &str, lang: Option<Lang>) -> Option<Abbreviation> {
    let holds = |list: &[&str]| {
        list.iter()
            .any(|entry| *entry == word || is_capitalised(word, entry))
    };
    if holds(&COMMON_PREFIXES) {
        return Some(Abbreviation::Prefix);
    }
    if holds(&COMMON_OTHERS) {
        return Some(Abbreviation::Other);
    }
    let tables = || {
        TABLES
            .iter()
            .filter(|table| lang.is_none_or(|lang| table.langs.contains(&lang.code())))
    };
    if tables().any(|table| holds(table.prefixes)) {
        Some(Abbreviation::Prefix)
    } else if tables().any(|table| holds(table.others)) {
        Some(Abbreviation::Other)
    } else {
        None
    }
}

/// Whether `word` is `entry` with its first letter made a capital.
fn is_capitalised(word: &str, entry: &str) -> bool {
    let (mut word, mut entry) = (word.chars(), entry.chars());
    match (word.next(), entry.next()) {
        (Some(upper), Some(lower)) => {
            lower.is_lowercase()
                && lower.to_uppercase().eq([upper])
                && word.as_str() == entry.as_str()
        }
        _ => false,
    }
}

/// Whether a number with a full stop is an ordinal before `word`, which has a capital: "3. Oktober".
///
/// German alone writes common nouns so; elsewhere the capital begins a sentence ("Nord Stream 2. Choć …").
pub(super) fn is_ordinal_before(word: &str, lang: Option<Lang>) -> bool {
    lang.is_some_and(|lang| lang.code() == "de") && !GERMAN_STARTERS.contains(&word)
}

/// Whether `word`, after an abbreviation such as "U.S.", begins a new sentence.
pub(super) fn starts_sentences(word: &str) -> bool {
    STARTERS.contains(&word)
}
