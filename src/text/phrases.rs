//! The phrases by which boilerplate is known, by language, as regular expressions over lower-case text.
//!
//! All are matched at the start of a short piece of text. Nothing here looks at word boundaries or counts repeats:
//! both would make the automata slow or large.

use std::sync::LazyLock;

use regex::Regex;

/// One expression for any of `alternatives` between `before` and `after`.
fn any_of(before: &str, alternatives: &[&str], after: &str) -> Regex {
    let expression = format!("{before}(?:{}){after}", alternatives.join("|"));
    #[expect(
        clippy::expect_used,
        reason = "the expressions are constants and a test compiles each of them"
    )]
    Regex::new(&expression).expect("a valid expression")
}

/// Words for a picture, as they begin a credit.
#[rustfmt::skip]
const PICTURE: &[&str] = &[
    r"photos?(?:graphs?|graphy)?",
    r"images?",
    r"pictures?",
    r"file photo",
    r"screen ?(?:shot|grab)",
    r"фото(?:графія|графия|колаж|коллаж)?",
    r"(?:джерело|источник) фото", r"світлин[аи]",
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

/// Agencies that pictures are credited to.
#[rustfmt::skip]
const AGENCY: &[&str] = &[
    "getty(?: images)?", "afp", "ap(?: photo)?", "reuters", "epa(?:-efe)?", "efe", "shutterstock", "anadolu(?: agency)?", "aa", "tass", "тасс",
    "риа новости", "ria novosti", "укрінформ", "уніан", "унианн?", "xinhua", "新华社", "新華社", "中新社", "美聯社", "美联社", "法新社", "路透社?", "dpa", "apa",
    "pap", "čtk", "imago", "sipa(?: usa)?", "picture alliance", "zuma ?press.*", "bloomberg", "depositphotos.*", "unsplash", "wikimedia",
];

/// "photo: ", "photo by ", "图源：": the head of a credit; who is credited follows.
pub(super) static CREDIT: LazyLock<Regex> = LazyLock::new(|| {
    any_of(
        "^",
        PICTURE,
        r"(?:\s?(?:credits?|courtesy(?: of)?|source|via|来源|來源|提供|/\s?(?:відео|видео|video)))*\s?(?:[:：/©|]|by\s|courtesy of\s|来源|來源)",
    )
});

/// A word for a picture and nothing else.
pub(super) static PICTURE_WORD: LazyLock<Regex> =
    LazyLock::new(|| any_of("^", PICTURE, r"(?: credits?| source)?$"));

/// What stands between brackets, or behind a slash, in "(photo by …)", "(AP Photo/…)", "/ фото уніан".
pub(super) static BRACKETED: LazyLock<Regex> = LazyLock::new(|| {
    let pictures = any_of("", PICTURE, "");
    let agencies = any_of("", AGENCY, "");
    any_of(
        "^",
        &[pictures.as_str(), agencies.as_str()],
        r"(?:[^\p{L}]|$)",
    )
});

/// "name/getty images", "ap photo/name": a line of nothing but the agency and a name.
pub(super) static AGENCY_LINE: LazyLock<Regex> = LazyLock::new(|| {
    let agencies = any_of("", AGENCY, "");
    any_of(
        "",
        &[
            &format!(r"[/|©]\s?{agencies}(?:[ /,].*)?"),
            &format!(r"^{agencies}\s?[/|].+"),
            &format!(r"^{agencies}(?:資料)?(?:圖片|图片)?"),
            r"^[（(]?(?:新华社|中新社|新華社)?(?:记者|記者)?[\p{Han}、\s]+[摄攝][）)]?",
        ],
        r"\.?$",
    )
});

/// How a credit or any of the phrases below begins. Most sentences begin with none of them, and one look says so.
pub(super) static BEGINNING: LazyLock<Regex> = LazyLock::new(|| {
    let all = [PICTURE, HEADINGS, POINTERS, PROMPTS, LABELS].concat();
    any_of("^", &all, "")
});

/// A line that announces other articles; what follows it may be a list of them.
pub(super) static HEADING: LazyLock<Regex> =
    LazyLock::new(|| any_of("^", HEADINGS, r"[\s:：…>»→.\]】）)]*$"));

/// One line that points to one other article: "read also: …".
pub(super) static READ_ALSO: LazyLock<Regex> =
    LazyLock::new(|| any_of("^", POINTERS, r"\s?[:：>»→|–—-]"));

/// Requests to the reader and statements of rights, at the start of a sentence.
pub(super) static PROMPT: LazyLock<Regex> = LazyLock::new(|| any_of("^", PROMPTS, ""));

/// Buttons and labels that fill a line of their own.
pub(super) static LABEL: LazyLock<Regex> =
    LazyLock::new(|| any_of("^", LABELS, r"[\s:：…>»→.!]*$"));

/// Headings of lists of other articles, by language.
#[rustfmt::skip]
const HEADINGS: &[&str] = &[
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
    r"more from .*",
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
];

/// How a line points to one other article, by language.
#[rustfmt::skip]
const POINTERS: &[&str] = &[
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
];

/// Requests to the reader and statements of rights. Each holds the word that ties it to the page (a channel, a button, the
/// article itself): "Join the coalition", "Full or partial ceasefire" begin sentences of news.
#[rustfmt::skip]
const PROMPTS: &[&str] = &[
    // Ukrainian
    r"(?:підписуйте?ся|підпишіться|підпишись)(?: (?:на|до)(?:\s|$)|[\s:.!]*$)", r"підписатис[яь](?: на (?:наш|канал|telegram|телеграм|розсилку|[a-z«])|[\s:.!]*$)",
    r"(?:приєднуйте?ся|долучайте?ся) до (?:нас (?:у|в|на) |наш|канал|спільноти)", r"(?:хочете|бажаєте) (?:отримувати|дізнаватися|читати|знати) .*(?:новин|першим|telegram|телеграм)",
    r"слідкуйте за (?:нами|нашими|новинами)", r"(?:читайте|слухайте|дивіться) нас (?:у|в|на) ", r"стежте за (?:нами|нашими) ?(?:новинами|у|в|на)?",
    r"(?:якщо ви )?(?:знайшли|побачили|помітили) (?:помилку|орфографічну)", r"поділитис[яь](?: (?:новиною|статтею|матеріалом).*)?[\s:.!]*$", r"цікаво\? то підпишись",
    r"(?:новини|усі новини|всі новини|швидко) .*(?:telegram|телеграм).*підпис", r"(?:всі|усі) права (?:захищен|застережен|збережен)", r"передрук[, ]", r"надіслати новину", r"прислати новину",
    r"використання (?:будь-яких )?матеріалів (?:сайту|видання|агентства|дозволяється|лише|можлив)", r"(?:повне або часткове|будь-яке) (?:копіювання|відтворення|використання матеріал)", r"підтримайте (?:редакцію|наше видання|нашу редакцію|наш канал)",
    // Russian
    r"(?:подписывайте?сь|подпишитесь|подпишись)(?: (?:на|к|в)(?:\s|$)|[\s:.!]*$)", r"подписаться(?: на (?:наш|канал|telegram|телеграм|рассылку|[a-z«])|[\s:.!]*$)",
    r"(?:присоединяйте?сь|вступайте) (?:к нам (?:в|на) |к наш|в наш|к канал|в групп)", r"хотите (?:получать|узнавать|читать|знать) .*(?:новост|первым|telegram|телеграм)",
    r"следите за (?:нами|нашими|новостями)", r"(?:читайте|слушайте|смотрите) нас (?:в|на) ", r"(?:если вы )?(?:нашли|заметили|увидели|обнаружили) (?:ошибку|опечатку)",
    r"поделиться(?: (?:новостью|статьей|статьёй|материалом).*)?[\s:.!]*$", r"все права защищены", r"перепечатка[, ]", r"прислать новость", r"использование (?:любых )?материалов (?:сайта|издания|агентства|разрешается|только|возможно)",
    r"(?:полное или частичное|любое) (?:копирование|воспроизведение|цитирование|использование материал)", r"поддержите (?:редакцию|наше издание|нашу редакцию|наш канал)", r"(?:самые )?(?:важные|оперативные|свежие|интересные) новости .*(?:telegram|телеграм|канал)",
    // English
    r"(?:subscribe|sign up)(?: (?:now|today|here|free))?(?: (?:to|for) |[.!]?$)", r"subscribe (?:now|today) and (?:get|save|read|enjoy) ",
    r"enjoying (?:this|our) (?:story|article|coverage)\?", r"already an? (?:member|subscriber)\?", r"(?:sign|log) in[.!]?$", r"follow (?:us|[\w ]+) on (?:x|twitter|facebook|instagram|telegram|google news|whatsapp|linkedin|youtube|threads|tiktok)(?:\W|$)",
    r"join (?:us|our|the) .*(?:telegram|whatsapp|newsletter)", r"(?:click|tap) here (?:to|for)", r"get (?:the|our|all the) (?:latest|best|top|daily) .*(?:inbox|newsletter)", r"share (?:this (?:article|story|post|page)|on (?:facebook|x|twitter)|via email)",
    r"download (?:the|our) .*app[.!]?$", r"all rights reserved", r"copyright ?(?:©|\(c\)|\d|by |notice|the author)", r"©", r"c\) ?\d", r"(?:the )?bbc is not responsible for the content", r"read about our approach to external linking",
    r"this (?:article|story|report) (?:was (?:originally|first) published|originally appeared|first appeared)", r"(?:listen to|watch) (?:this|our) (?:article|podcast|video)(?:\W|$)", r"(?:please )?enable (?:javascript|cookies)",
    r"please (?:enable js|subscribe|sign in|log in|consider (?:supporting us|subscribing))", r"support (?:our|independent) journalism", r"(?:we use|this (?:site|website) uses) cookies", r"help (?:us )?improve this (?:article|page)",
    // Chinese
    r"(?:请|欢迎|歡迎|敬请)?(?:扫描|掃描|扫码|长按|長按|識別|识别).*(?:二维码|二維碼|扫码关注)", r"(?:请|欢迎|歡迎)?(?:关注|關注|订阅|訂閱|追蹤|下载|下載)(?:我们的|我們的|本报|官方|.*(?:微信公众|公众号|公眾號|微博|客户端|電子報|newsletter))",
    r"(?:责任编辑|責任編輯|责编|責編|编辑|編輯|实习编辑|审核|校对|监制|责任校对|文编|主编)\s?[:：丨|]", r"(?:来源|來源|稿源|文章来源|原文链接|原标题|原題)\s?[:：]", r"版权(?:所有|声明|归)", r"版權所有",
    r"(?:未经|未經).*(?:授权|許可|许可|授權).*(?:转载|轉載|复制)", r"(?:转载|轉載)(?:请|請)(?:注明|註明)", r"(?:分享|转发|轉發)(?:到|至|给)(?:微信|微博|朋友圈|facebook|line)", r"(?:点击|點擊)(?:下方|此处|這裡|这里|查看|进入|下载|阅读原文)", r"(?:免责声明|免責聲明|返回搜狐)",
    // Spanish, Portuguese
    r"(?:suscríbete|suscríbase|suscribirse|regístrate|subscreva) (?:a|al|en|para|gratis|aquí|o)(?:\W|$)", r"únete a nuestr[oa] (?:canal|newsletter|comunidad)", r"assine (?:o|a|nossa) (?:newsletter|jornal)", r"(?:síguenos|síganos|siga-nos)(?:\W|$)",
    r"todos (?:los derechos|os direitos) reservados", r"prohibida (?:su|la) reproducción", r"compart(?:ir|e|a)(?: en (?:facebook|twitter|x|whatsapp)| est[ae] (?:nota|artículo|noticia)|[\s:]*$)", r"(?:haz|haga|dé) clic (?:aquí|en)", r"recib[ea] .*(?:correo|newsletter)",
    // French
    r"(?:abonnez-vous|inscrivez-vous|suivez-nous|rejoignez-nous)(?: (?:à|sur|pour|dès|gratuitement)|[\s:.!]*$)", r"recevez (?:nos|la|notre|toute) .*(?:newsletter|lettre|mail|alerte)", r"tous droits réservés", r"partag(?:er|ez) (?:cet article|sur (?:facebook|linkedin|x|twitter|whatsapp))",
    r"cliquez ici", r"déjà abonné", r"il vous reste \d+", r"reproduction interdite", r"écouter cet article", r"copier le lien",
    // German
    r"(?:abonnieren|folgen) sie (?:uns|unseren?|den|hier|jetzt)(?:\W|$)", r"melden sie sich .*(?:newsletter|an)[.!]?$", r"alle rechte vorbehalten", r"(?:artikel|beitrag) teilen", r"jetzt (?:abonnieren|anmelden|kostenlos testen)", r"newsletter abonnieren", r"hier klicken", r"diese nachricht wurde am .* im programm",
    // Polish
    r"zapisz się (?:na|do) (?:nasz|newsletter)", r"(?:subskrybuj|zasubskrybuj|obserwuj|śledź|polub) (?:nas|nasz|kanał|newsletter)", r"dołącz do nas (?:na|w) ", r"wszelkie prawa zastrzeżone", r"udostępnij(?: (?:artykuł|na)|[\s:]*$)", r"kliknij (?:tutaj|tu)", r"(?:dalsze|wszelkie) rozpowszechnianie (?:artykułu|treści|bez)",
    // Czech
    r"(?:přihlaste se|odebírejte|sledujte) (?:nás na|naše|k odběru|náš)(?:\W|$)", r"všechna práva vyhrazena", r"sdílet(?: (?:na|článek)|[\s:]*$)", r"klikněte (?:zde|sem)",
    // Arabic
    r"(?:تابعونا|تابعنا) (?:على|عبر|في)", r"(?:اشترك|اشتركوا) (?:في|الآن) .*(?:قناة|قناتنا|نشرتنا|النشرة)", r"(?:انضم|انضموا) إلى (?:قناتنا|قناة|مجموعتنا)", r"(?:جميع|كافة) الحقوق محفوظة", r"(?:شارك|مشاركة) (?:هذا )?(?:المقال|الخبر)", r"(?:اضغط|انقر) هنا",
    // Persian
    r"ما را .*دنبال کنید", r"(?:عضو|مشترک) .*(?:کانال|خبرنامه).*شوید", r"(?:تمامی|تمام|کلیه|همه)\s?(?:ی )?حقوق .*(?:سایت|وب|خبرگزاری|متعلق).*", r"انتهای پیام", r"(?:کد خبر|لینک کوتاه|منبع)\s?[:：]", r"برای (?:عضویت|دریافت) .*(?:کلیک|کانال)",
    // Turkish
    r"(?:abone ol(?:un)?|bizi takip edin)(?:\W|$)", r"tüm hakları saklıdır", r"haberi paylaş", r"(?:buraya )?tıklayın",
    // Japanese
    r"(?:無断転載|禁無断|転載を禁じ|この記事を(?:シェア|共有))", r"(?:チャンネル登録|会員登録)(?:する|して|は|はこちら)",
];

/// Buttons and labels of pages, by site and by language.
#[rustfmt::skip]
const LABELS: &[&str] = &[
    "facebook", "twitter", "telegram", "whatsapp", "viber", "instagram", "youtube", "linkedin", "vkontakte", "вконтакте", "одноклассники", "телеграм", "newsletter",
    "share", "tweet", "print", "e-?mail", "copy link", "advertisement", "advertising", "sponsored(?: content)?", "ad", "loading", "comments?", "leave a comment", "sign in", "log in", "watch live", "listen",
    "реклама", "поширити", "поділіться", "друкувати", "коментарі", "обговорення", "поделиться", "печать", "комментарии", "загрузка", "публікується на правах реклами", "на правах рекламы",
    "广告", "廣告", "分享", "评论", "評論", "打印", "收藏", "点赞", "完[）)]?", "publicidad", "anuncio", "publicité", "lien copié", "anzeige", "werbung", "reklama", "إعلان", "تبلیغات", "reklam", "広告",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        for expression in [
            &CREDIT,
            &PICTURE_WORD,
            &BRACKETED,
            &AGENCY_LINE,
            &HEADING,
            &READ_ALSO,
            &PROMPT,
            &LABEL,
        ] {
            assert!(!expression.is_match("the ministers met in geneva"));
        }
    }
}
