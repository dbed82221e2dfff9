//! What surrounds an article on its page and is not the article: credits, "read also" lists, prompts, copyright lines.
//!
//! Phrases of every language are looked for in every text: pages mix languages, and a phrase is long enough to mean one
//! thing. Each must begin a short sentence, so that an article that speaks of subscriptions or photos keeps its sentences.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::sentences::ends_complete;

/// No credit, prompt or headline in a list is longer, in characters.
const LONGEST: usize = 240;
const LONGEST_CREDIT: usize = 110;

/// Takes boilerplate out of the `sentences` of `text`: drops whole ones and cuts credits off the ends of others.
///
/// Returns `sentences` unchanged where nothing would be left.
pub(super) fn remove(text: &str, sentences: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let tail = tail_start(text, &sentences);
    let kept: Vec<_> = sentences[..tail]
        .iter()
        .enumerate()
        .filter(|(index, sentence)| !is_boilerplate(text, sentence, *index == 0))
        .filter_map(|(_, sentence)| without_credits(text, sentence.clone()))
        .collect();
    let has_letters = |range: &Range<usize>| text[range.clone()].contains(char::is_alphabetic);
    if kept.iter().any(has_letters) {
        kept
    } else {
        sentences
    }
}

/// Where a "read also" heading begins a list of headlines that runs to the end; the number of sentences if none does.
fn tail_start(text: &str, sentences: &[Range<usize>]) -> usize {
    let mut start = sentences.len();
    for (index, sentence) in sentences.iter().enumerate().rev() {
        let whole_line = begins_line(text, sentence) && ends_line(text, sentence);
        if whole_line
            && is_short(&text[sentence.clone()], LONGEST)
            && HEADINGS.is_match(&text[sentence.clone()])
        {
            start = index;
        } else if !(is_headline(text, sentence) || is_boilerplate(text, sentence, false)) {
            break;
        }
    }
    // An article of headlines only would be lost with its first heading.
    if start == 0 { sentences.len() } else { start }
}

/// A short line that does not end as sentences do; questions and cries may be headlines.
fn is_headline(text: &str, sentence: &Range<usize>) -> bool {
    let line = &text[sentence.clone()];
    let ends =
        ends_complete(line) && !line.ends_with(['?', '!', '？', '！', '؟', '…', '"', '»', '”']);
    begins_line(text, sentence) && ends_line(text, sentence) && !ends && is_short(line, LONGEST)
}

fn is_boilerplate(text: &str, sentence: &Range<usize>, first: bool) -> bool {
    let part = &text[sentence.clone()];
    if !is_short(part, LONGEST) {
        return false;
    }
    let whole_line = begins_line(text, sentence) && ends_line(text, sentence);
    // "ФОТО: …" may be how a headline begins, and a headline speaks of photos that follow.
    let credit = !first
        && is_short(part, LONGEST_CREDIT)
        && (CREDITS.is_match(part) || whole_line && AGENCIES.is_match(part));
    credit
        || PROMPTS.is_match(part)
        || whole_line
            && (LINES.is_match(part) || HEADINGS.is_match(part) || READ_ALSO.is_match(part))
}

/// The sentence without the credits at its two ends; `None` if it was nothing else.
fn without_credits(text: &str, mut sentence: Range<usize>) -> Option<Range<usize>> {
    if let Some(found) = LEADING_CREDIT.find(&text[sentence.clone()]) {
        sentence.start += found.end();
    }
    // A credit is short: only the end of the sentence is searched.
    let from = text[sentence.clone()]
        .char_indices()
        .rev()
        .take(LONGEST_CREDIT)
        .last()
        .map_or(sentence.end, |(at, _)| sentence.start + at);
    let end = &text[from..sentence.end];
    let found = BRACKETED_CREDIT.find(end).or_else(|| {
        CAPTION_CREDIT
            .find(end)
            .filter(|_| ends_line(text, &sentence))
    });
    if let Some(found) = found {
        let rest = text[sentence.start..from + found.start()].trim_end();
        sentence.end = sentence.start + rest.len();
    }
    text[sentence.clone()]
        .contains(char::is_alphanumeric)
        .then_some(sentence)
}

fn is_short(text: &str, most: usize) -> bool {
    text.len() <= 4 * most && text.chars().count() <= most
}

fn begins_line(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].trim_end_matches(' ');
    before.is_empty() || before.ends_with('\n')
}

fn ends_line(text: &str, range: &Range<usize>) -> bool {
    let after = text[range.end..].trim_start_matches(' ');
    after.is_empty() || after.starts_with('\n')
}

/// The alternatives as one expression that ignores case; none of them holds another's text.
fn any_of(before: &str, alternatives: &[&str], after: &str) -> Regex {
    let expression = format!("(?i){before}(?:{}){after}", alternatives.join("|"));
    // The expressions are constants; a test compiles each of them.
    #[expect(clippy::expect_used, reason = "constant, and compiled by a test")]
    Regex::new(&expression).expect("a valid expression")
}

/// What may stand before a phrase at the start of a sentence: brackets, bullets, arrows, emoji.
const LEAD: &str = r"^[^\p{L}\p{N}]{0,6}";

/// Words for a picture, as they begin a credit.
const PICTURE: &[&str] = &[
    r"photos?(?:graphs?|graphy)?",
    r"images?",
    r"pictures?",
    r"file photo",
    r"screen ?(?:shot|grab)",
    r"фото(?:графія|графия|колаж|коллаж)?",
    r"світлин[аи]",
    r"колаж",
    r"коллаж",
    r"скрі?н(?:шот)?и?",
    r"скриншот",
    r"ілюстрація",
    r"иллюстрация",
    r"снимка",
    r"зображення",
    r"изображение",
    r"інфографіка",
    r"инфографика",
    r"fotos?(?:graf[íi]as?|grafie)?",
    r"im[aá]gen(?:es)?",
    r"crédits?",
    r"bild(?:er|quelle)?",
    r"grafik",
    r"zdj[ęe]cie",
    r"fot",
    r"obrázek",
    r"zdroj foto",
    r"fotoğraf(?:lar)?",
    r"görsel",
    r"الصورة",
    r"صورة",
    r"تصویر",
    r"عکس",
    r"写真",
    r"画像",
    r"图片?",
    r"圖片?",
    r"图源",
    r"圖源",
    r"配图",
    r"照片",
    r"摄影",
    r"攝影",
];

/// "Photo: Xinhua", "Photo by …", "图源：…": the whole sentence.
static CREDITS: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        LEAD,
        PICTURE,
        r#"(?:\s?(?:credits?|courtesy(?: of)?|source|by|from|von|de|via|is|来源|來源|提供|/\s?(?:відео|видео|video)))*\s?(?:[:：/©|]|\bby\b|\bcourtesy of\b|来源|來源)[^"«“„?!？！]{0,90}$"#,
    )
});

/// "Name/Getty Images", "AP Photo/Name", "新华社记者…摄": the whole line.
static AGENCIES: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        "^",
        &[
            r"[^.!?。]{0,60}[/|©]\s?(?:getty(?: images)?|afp|ap|ap photo|reuters|epa|epa-efe|efe|shutterstock|anadolu|aa|tass|тасс|ria novosti|риа новости|укрінформ|уніан|xinhua|新华社|新華社|dpa|pap|čtk|imago|sipa|picture alliance|zuma press|bloomberg)(?:[ /,][^.!?。]{0,40})?",
            r"(?:ap photo|afp photo|reuters|getty images|afp|epa|xinhua)\s?/\s?[^.!?。]{1,60}",
            r"getty images",
            r"reuters",
            r"afp",
            r"xinhua",
            r"[（(]?(?:新华社|中新社|新華社)?(?:记者|記者)?[\p{Han}、\s]{2,16}[摄攝][）)]?",
        ],
        r"\.?$",
    )
});

/// "(Photo by …)" at the start of a sentence that goes on.
static LEADING_CREDIT: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        r"^[(\[（【]\s?(?:ap |afp |reuters |file )?",
        PICTURE,
        r"\b\s?[^()（）\[\]]{2,90}[)\]）】][.。]?\s*",
    )
});

/// "(Photo by …)" at the end of a sentence.
static BRACKETED_CREDIT: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        r"[(\[（【]\s?(?:[^()（）\[\]]{0,24}\s)?",
        PICTURE,
        r"(?:\s?(?:credits?|courtesy(?: of)?|source|by|来源|來源))*\s?[:：/©| ][^()（）\[\]]{2,90}[)\]）】][.。]?$",
    )
});

/// "… / Photo Agency", "… Photo: Agency", "… © Agency" at the end of a caption.
static CAPTION_CREDIT: LazyLock<Regex> = LazyLock::new(|| {
    let pictures = PICTURE.join("|");
    any_of(
        r"\s",
        &[
            &format!(r"[/|]\s?(?:{pictures})\b[^.!?]{{0,60}}"),
            r"[/|]\s?(?:getty images|afp|ap|reuters|epa|shutterstock|anadolu|tass|тасс|риа новости|уніан|укрінформ|xinhua|dpa|pap|čtk|imago)\b[^.!?]{0,40}",
            &format!(r"(?:{pictures})\s?[:：]\s?[^.!?]{{2,60}}"),
            r"©\s?[^.!?]{2,60}",
        ],
        r"\.?$",
    )
});

/// A line that announces other articles; what follows it may be a list of them.
static HEADINGS: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        LEAD,
        &[
            r"вас (?:також |ще )?мож(?:е|уть) (?:також )?зацікавити(?: новини)?",
            r"читайте (?:також|ще|далі|більше)(?: за темою| на тему| у нас)?",
            r"(?:новини|матеріали|статті|публікації) (?:за|по|на) (?:цією |цю )?тем(?:ою|і|у)",
            r"(?:ще|більше|останні|інші|головні|схожі|популярні) (?:новини|матеріали|статті)(?: за темою)?",
            r"дивіться також",
            r"за темою",
            r"на цю тему",
            r"рекомендуємо(?: прочитати| до прочитання)?",
            r"популярне",
            r"читайте? (?:также|тоже|еще|ещё|далее|больше|по теме)(?: по теме| на тему)?",
            r"вас (?:также )?(?:может|могут) (?:также )?заинтересовать(?: новости)?",
            r"вам может быть интересно",
            r"(?:новости|материалы|статьи|публикации) по (?:этой )?теме",
            r"(?:другие|последние|еще|ещё|главные|похожие|популярные) (?:новости|материалы|статьи)(?: по теме)?",
            r"смотрите (?:также|ещё|еще)",
            r"по теме",
            r"рекомендуем(?: прочитать| почитать)?",
            r"самое (?:читаемое|популярное|интересное)",
            r"read (?:also|more|next|this next)",
            r"also read",
            r"see also",
            r"(?:related|more|recommended|other|latest|top|popular|trending|similar) (?:articles?|stories|news|coverage|reading|topics|links|content|posts)",
            r"related",
            r"you (?:may|might) (?:also )?(?:like|be interested in|enjoy)(?: these| this)?",
            r"more on this(?: story| topic)?",
            r"more from .{1,40}",
            r"most (?:read|popular)",
            r"recommended(?: for you)?",
            r"don'?t miss",
            r"further reading",
            r"up next",
            r"(?:相关|相關|推荐|推薦|延伸|更多|热门|熱門|猜你喜欢)(?:新闻|新聞|阅读|閱讀|文章|报道|報道|報導|链接|連結|推荐|内容|內容|资讯)?",
            r"(?:你|您)(?:可能|也许|或许)(?:还|還|也)?(?:喜欢|会喜欢|喜歡|感兴趣)(?:的)?(?:内容|新闻|文章)?",
            r"看更多",
            r"阅读更多",
            r"閱讀更多",
            r"点击阅读更多",
            r"热点推荐",
            r"编辑推荐",
            r"猜你喜欢",
            r"(?:lea|lee|leer|ver|vea|mire|mira)(?: también| además| más)",
            r"te puede interesar",
            r"(?:le|te|les) (?:puede|podría) (?:también )?interesar",
            r"noticias relacionadas",
            r"(?:artículos|notas|contenidos?) relacionad[oa]s?",
            r"más (?:noticias|información|sobre (?:este|el) tema)",
            r"relacionad[oa]s?",
            r"(?:à )?lire (?:aussi|également|la suite)",
            r"voir aussi",
            r"sur le même (?:sujet|thème)",
            r"même sujet",
            r"(?:articles|sujets) (?:liés|similaires|connexes)",
            r"vous aimerez aussi",
            r"pour aller plus loin",
            r"à découvrir",
            r"nos lecteurs ont lu ensuite",
            r"(?:lesen|sehen) sie (?:auch|mehr|dazu)(?: zum thema)?",
            r"(?:auch )?interessant",
            r"mehr (?:zum thema|dazu|nachrichten)",
            r"weitere (?:artikel|nachrichten|meldungen|themen)(?: zum thema)?",
            r"das könnte (?:sie|dich) auch interessieren",
            r"zum thema",
            r"siehe auch",
            r"lesetipps?",
            r"(?:czytaj|przeczytaj|zobacz|sprawdź|polecamy)(?: też| także| również| więcej| dalej)",
            r"polecamy",
            r"(?:więcej|podobne|powiązane|inne) (?:na ten temat|artykuły|informacje|wiadomości)",
            r"zobacz",
            r"czytaj",
            r"(?:čtěte|přečtěte si|podívejte se|mohlo by vás|mohlo by vás také)(?: také| více| dále| ještě| i| zajímat)+",
            r"související(?: články| témata| zprávy)?",
            r"další (?:články|zprávy)",
            r"اقرأ (?:أيضا|أيضًا|أيضاً|المزيد|ايضا)",
            r"(?:مواضيع|أخبار|مقالات|موضوعات) (?:ذات صلة|متعلقة|مشابهة)",
            r"قد يعجبك(?: أيضا| أيضًا| ايضا)?",
            r"شاهد (?:أيضا|أيضًا|ايضا)",
            r"المزيد",
            r"(?:بیشتر|همچنین) بخوانید",
            r"(?:اخبار|مطالب|خبرهای) (?:مرتبط|مشابه|بیشتر|پیشنهادی)",
            r"بخوانید",
            r"(?:در این باره )?بیشتر بخوانید",
            r"(?:bunlar da )?ilginizi çekebilir",
            r"(?:ayrıca|daha fazla) (?:okuyun|oku)",
            r"ilgili (?:haberler|içerikler|konular)",
            r"benzer haberler",
            r"ayrıca bkz",
            r"関連(?:記事|ニュース|リンク|トピックス)?",
            r"あわせて読みたい",
            r"こちらも(?:おすすめ|読まれています)",
            r"おすすめ(?:記事)?",
            r"もっと読む",
            r"続きを読む",
        ],
        r"[\s:：…>»→.\]】）)]*$",
    )
});

/// One line that points to one other article: "Read also: …".
static READ_ALSO: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        LEAD,
        &[
            r"(?:дивіться|читайте?) (?:також|ще|далі|більше)(?: за темою)?",
            r"(?:детальніше|докладніше) читайте",
            r"читайте? (?:также|тоже|еще|ещё|далее|по теме)",
            r"смотрите (?:также|ещё|еще)",
            r"подробнее (?:читайте|по теме)",
            r"по теме",
            r"за темою",
            r"(?:read|see|watch) (?:also|more|next)",
            r"also read",
            r"related(?: (?:article|story|news))?",
            r"(?:相关|相關|延伸)(?:新闻|新聞|阅读|閱讀|报道|報道|報導|链接)",
            r"推荐阅读",
            r"更多(?:新闻|新聞|内容)",
            r"(?:lea|lee|leer|ver|vea) (?:también|además|más)",
            r"te puede interesar",
            r"(?:à )?lire (?:aussi|également|la suite)",
            r"voir aussi",
            r"même sujet",
            r"(?:lesen|sehen) sie (?:auch|dazu)",
            r"mehr zum thema",
            r"siehe auch",
            r"(?:czytaj|przeczytaj|zobacz)(?: też| także| również| więcej| dalej)",
            r"(?:čtěte|přečtěte si|podívejte se)(?: také| více| ještě| i)",
            r"اقرأ (?:أيضا|أيضًا|أيضاً|المزيد|ايضا)",
            r"شاهد (?:أيضا|أيضًا|ايضا)",
            r"(?:بیشتر|همچنین) بخوانید",
            r"ayrıca (?:okuyun|oku|bkz)",
            r"ilgili haber",
            r"関連(?:記事|ニュース)",
        ],
        r"\s?(?:[:：>»→|–—-]).*$",
    )
});

/// Requests to the reader and statements of rights, wherever they begin a sentence.
static PROMPTS: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        LEAD,
        &[
            // Ukrainian
            r"(?:підписуйте?ся|підпишіться|підпишись|приєднуйте?ся|приєднатися|долучайте?ся)(?:\s|$)(?:на|до)\b",
            r"підписатис[яь]",
            r"(?:хочете|бажаєте) (?:отримувати|дізнаватися|читати|знати) .{0,60}(?:новин|першим|telegram|телеграм)",
            r"слідкуйте за (?:нами|нашими|новинами)",
            r"(?:читайте|стежте за|слухайте|дивіться) (?:нас|нами|нашими новинами)\b",
            r"(?:якщо ви )?(?:знайшли|побачили|помітили) (?:помилку|орфографічну)",
            r"якщо ви (?:знайшли|побачили|помітили)",
            r"поділитис[яь]",
            r"(?:новини|усі новини|всі новини|швидко).{0,40}(?:у|в) (?:нашому )?(?:telegram|телеграм)\b.{0,60}підпис",
            r"(?:всі|усі) права (?:захищен|застережен|збережен)",
            r"(?:передрук|використання (?:матеріалів|будь-яких матеріалів)|повне або часткове)\b",
            r"підтримайте (?:нас|редакцію|наш)",
            r"цікаво\? то підпишись",
            // Russian
            r"(?:подписывайте?сь|подпишитесь|подпишись|присоединяйте?сь|вступайте)(?:\s|$)(?:на|к|в)\b",
            r"подписаться",
            r"(?:хотите) (?:получать|узнавать|читать|знать) .{0,60}(?:новост|первым|telegram|телеграм)",
            r"следите за (?:нами|нашими|новостями)",
            r"(?:читайте|слушайте|смотрите) нас\b",
            r"(?:если вы )?(?:нашли|заметили|увидели|обнаружили) (?:ошибку|опечатку)",
            r"поделиться(?: новостью| материалом)?[\s:]*$",
            r"все права защищены",
            r"(?:перепечатка|использование материалов|любое использование|полное или частичное)\b",
            r"поддержите (?:нас|редакцию|наш)",
            r"прислать новость",
            r"(?:самые )?(?:важные|оперативные|свежие|интересные) новости .{0,40}(?:telegram|телеграм|канал)",
            // English
            r"(?:subscribe|sign up)(?: (?:now|today|here|free))?(?: (?:to|for) |[.!]?$)",
            r"follow (?:us|[\w ]{1,30}) on (?:x|twitter|facebook|instagram|telegram|google news|whatsapp|linkedin|youtube|threads|tiktok)\b",
            r"join (?:us|our|the) .{0,40}(?:on )?(?:telegram|whatsapp|channel|newsletter|community)",
            r"(?:click|tap) here (?:to|for)",
            r"get (?:the|our|all the) (?:latest|best|top|daily) .{0,80}(?:inbox|newsletter|app|alerts|updates)",
            r"share (?:this|on|via)(?: (?:article|story|post|page|with|on|facebook|twitter|x|link|email))\b",
            r"download (?:the|our) .{0,30}app\b",
            r"(?:all rights reserved|copyright|©|\(c\) ?\d{4})",
            r"(?:the )?bbc is not responsible for the content",
            r"read about our approach to external linking",
            r"this (?:article|story|report) (?:was (?:originally|first) published|originally appeared|first appeared)",
            r"(?:listen to|watch) (?:this|our) (?:article|podcast|video)\b",
            r"enable (?:javascript|cookies)",
            r"please (?:enable|subscribe|sign in|log in|consider (?:supporting|subscribing))",
            r"support (?:our|independent) journalism",
            r"(?:we use|this (?:site|website) uses) cookies",
            r"help (?:us )?improve this (?:article|page)",
            // Chinese
            r"(?:请|欢迎|歡迎|敬请)?(?:扫描|掃描|扫码|长按|識別|识别)(?:下方|上方|以下|本|关注)?.{0,20}(?:二维码|二維碼|关注)",
            r"(?:请|欢迎|歡迎)?(?:关注|關注|订阅|訂閱|追蹤|下载|下載)(?:我们|我們|本报|官方|.{0,12}(?:微信|公众号|公眾號|微博|客户端|app|频道|頻道|电报|電子報|newsletter))",
            r"(?:责任编辑|責任編輯|责编|責編|编辑|編輯|实习编辑|审核|校对|监制|责任校对|文编|主编)\s?[:：丨|]",
            r"[（(](?:责任编辑|责编|编辑|完)[^（）()]{0,30}[）)]$",
            r"(?:来源|來源|稿源|文章来源|原文链接|原标题|原題)\s?[:：].{1,60}$",
            r"版权(?:所有|声明|归)",
            r"版權所有",
            r"(?:未经|未經).{0,12}(?:授权|許可|许可|授權).{0,16}(?:转载|轉載|复制|使用)",
            r"(?:转载|轉載)(?:请|請)(?:注明|註明)",
            r"(?:分享|转发|轉發)(?:到|至|给|此文|本文)",
            r"(?:点击|點擊)(?:下方|此处|這裡|这里|查看|进入|下载|阅读原文)",
            r"(?:特别声明|免责声明|免責聲明)",
            r"返回搜狐",
            // Spanish, Portuguese
            r"(?:suscríbe(?:te|ase)|suscribirse|regístrate|únete|inscríbete|subscreva|assine) (?:a|al|en|para|gratis|nuestro|o|a nossa)\b",
            r"(?:síguenos|siga|sigue|siganos|síganos)(?:nos)? (?:en|a|em|todas)\b",
            r"todos los derechos reservados",
            r"todos os direitos reservados",
            r"prohibida (?:su|la) reproducción",
            r"compart(?:ir|e|a)(?: (?:en|esta|este|la|el|nota|artículo))",
            r"(?:haz|haga|dé) clic (?:aquí|en)",
            r"reciba? (?:las|nuestras|en tu|en su) .{0,40}(?:correo|newsletter|noticias)",
            // French
            r"(?:abonnez-vous|inscrivez-vous|suivez-nous|rejoignez-nous|suivez l|recevez (?:nos|la|notre|toute))",
            r"tous droits réservés",
            r"partag(?:er|ez)(?: (?:cet|sur|l|cette|via|par)|[\s:]*$)",
            r"cliquez ici",
            r"(?:déjà abonné|il vous reste \d+)",
            r"reproduction interdite",
            // German
            r"(?:abonnieren|melden|folgen|registrieren) sie (?:uns|unseren?|sich|den|hier|jetzt)\b.{0,80}(?:newsletter|kanal|whatsapp|telegram|facebook|twitter|instagram|google|abo|an|auf)\b",
            r"alle rechte vorbehalten",
            r"(?:artikel|beitrag) teilen",
            r"jetzt (?:abonnieren|anmelden|testen|kostenlos)",
            r"newsletter abonnieren",
            r"hier klicken",
            // Polish
            r"(?:zapisz się|subskrybuj|obserwuj|śledź|dołącz|polub|zasubskrybuj)(?: (?:nas|nasz|do|na|newsletter|kanał))",
            r"wszelkie prawa zastrzeżone",
            r"udostępnij",
            r"kliknij (?:tutaj|tu)",
            r"(?:dalsze|wszelkie) .{0,30}rozpowszechnianie",
            // Czech
            r"(?:přihlaste se|odebírejte|sledujte) (?:nás|naše|k|na|náš)\b",
            r"všechna práva vyhrazena",
            r"sdílet(?: na| článek|[\s:]*$)",
            r"klikněte (?:zde|sem)",
            // Arabic
            r"(?:اشترك|اشتركوا|تابعونا|تابعنا|انضم|انضموا)(?: (?:في|على|عبر|إلى|الآن))",
            r"(?:جميع|كافة) الحقوق محفوظة",
            r"(?:شارك|شاركها|مشاركة)(?: (?:هذا|المقال|الخبر|على|عبر)|[\s:]*$)",
            r"(?:اضغط|انقر) هنا",
            // Persian
            r"(?:ما را|اخبار).{0,40}(?:دنبال کنید)",
            r"(?:عضو|مشترک) .{0,30}(?:کانال|خبرنامه|شوید)",
            r"(?:تمامی|تمام|کلیه|همه)\s?(?:ی )?حقوق .{0,60}(?:محفوظ|متعلق)",
            r"انتهای پیام",
            r"(?:کد خبر|لینک کوتاه|منبع)\s?[:：].{0,60}$",
            r"برای (?:عضویت|دریافت) .{0,60}(?:کلیک|کانال)",
            // Turkish
            r"(?:abone ol(?:un)?|takip edin|bizi takip)\b",
            r"tüm hakları saklıdır",
            r"(?:haberi )?paylaş(?:[\s:]*$|ın )",
            r"(?:buraya )?tıklayın",
            // Japanese
            r"(?:無断転載|禁無断|著作権|転載を禁じ)",
            r"(?:フォロー|チャンネル登録|購読|会員登録)(?:する|して|は|はこちら)",
            r"(?:シェア|ツイート)(?:する)?$",
            r"この記事を(?:シェア|共有)",
        ],
        r".*$",
    )
});

/// Buttons and labels that fill a line of their own.
static LINES: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        LEAD,
        &[
            r"facebook",
            r"twitter",
            r"telegram",
            r"whatsapp",
            r"viber",
            r"instagram",
            r"youtube",
            r"linkedin",
            r"vkontakte",
            r"вконтакте",
            r"одноклассники",
            r"телеграм",
            r"newsletter",
            r"share",
            r"tweet",
            r"print",
            r"e-?mail",
            r"copy link",
            r"advertisement",
            r"advertising",
            r"sponsored(?: content)?",
            r"ad",
            r"loading",
            r"comments?",
            r"leave a comment",
            r"sign in",
            r"log in",
            r"play",
            r"watch live",
            r"listen",
            r"реклама",
            r"поширити",
            r"поділіться",
            r"друкувати",
            r"коментарі",
            r"поделиться",
            r"печать",
            r"комментарии",
            r"загрузка",
            r"публікуємо на правах реклами",
            r"на правах рекламы",
            r"广告",
            r"廣告",
            r"分享",
            r"评论",
            r"打印",
            r"收藏",
            r"点赞",
            r"[（(]完[）)]",
            r"publicidad",
            r"anuncio",
            r"publicité",
            r"anzeige",
            r"werbung",
            r"reklama",
            r"إعلان",
            r"تبلیغات",
            r"reklam",
            r"広告",
        ],
        r"[\s:：…>»→.!]*$",
    )
});

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::*;

    fn kept(text: &str) -> Vec<&str> {
        remove(text, split(text, None))
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn credits_go() {
        for credit in [
            "Фото: Xinhua",
            "Фото: twitter.com/SecBlinken",
            "Photo by Justin Sullivan/Getty Images",
            "Image credit: NASA",
            "图源：新华社",
            "(Photo: AP)",
            "新华社记者 张三 摄",
            "Bild: dpa",
            "عکس: ایرنا",
            "Anna Moneymaker/Getty Images",
            "© armenews.com 2024",
            "Copyright 2025 BBC.",
            "Все права защищены",
            "責任編輯：李四",
        ] {
            assert_eq!(
                kept(&format!("Сторони домовилися.\n{credit}")),
                ["Сторони домовилися."],
                "{credit}"
            );
        }
    }

    #[test]
    fn a_caption_keeps_its_words() {
        assert_eq!(
            kept("Сі і Путін / Колаж УНІАН, скріншоти\n\nТекст."),
            ["Сі і Путін", "Текст."]
        );
        assert_eq!(
            kept("Leaders met (Photo by Jo Doe/AP)\nText."),
            ["Leaders met", "Text."]
        );
        assert_eq!(
            kept("Текст.\nВ Кишиневе сносят особняк. Фото: соцсети"),
            ["Текст.", "В Кишиневе сносят особняк."]
        );
    }

    #[test]
    fn a_read_also_list_goes_to_the_end() {
        let text = "Текст статті.\n\nВас також можуть зацікавити новини:\n\nПутін заявив, що готовий, - ISW\n\nТрамп: Гренландія потрібна США";
        assert_eq!(kept(text), ["Текст статті."]);
        assert_eq!(
            kept("正文。\n相关阅读\n中美举行会谈\n外交部回应"),
            ["正文。"]
        );
    }

    #[test]
    fn a_read_also_line_inside_goes_alone() {
        let text = "Перший абзац.\nЧитайте також: Інша новина\nДругий абзац має крапку.";
        assert_eq!(kept(text), ["Перший абзац.", "Другий абзац має крапку."]);
        let text = "First.\nRelated articles\nThe minister said that talks go on.";
        assert_eq!(
            kept(text),
            ["First.", "The minister said that talks go on."]
        );
    }

    #[test]
    fn articles_that_speak_of_such_things_are_kept() {
        for text in [
            "ФОТО: Гаврилица провела встречу с послом Польши",
            "Росія не підписувала угоду. Читайте також уважно протокол, сказав він.",
            "Photos show the ministers in Geneva.",
            "Reuters reported that the talks failed.",
            "Як повідомляв Укрінформ, сторони домовилися.",
            "Subscribers in both countries pay more.",
        ] {
            assert_eq!(
                kept(text).concat(),
                split(text, None)
                    .iter()
                    .map(|r| &text[r.clone()])
                    .collect::<String>()
            );
        }
    }

    #[test]
    fn something_is_always_left() {
        assert_eq!(kept("Читайте також:\nОдин\nДва"), ["Один", "Два"]);
        assert_eq!(kept("Фото: Xinhua"), ["Фото: Xinhua"]);
        assert_eq!(kept("Subscribe now!"), ["Subscribe now!"]);
    }
}
