/** Odoo's codes by the IETF tags that Stripe's checkout has: https://docs.stripe.com/js/appendix/supported_locales */
const ODOO_LANGUAGES: Readonly<Record<string, string>> = {
  bg: "bg_BG",
  cs: "cs_CZ",
  da: "da_DK",
  de: "de_DE",
  el: "el_GR",
  en: "en_US",
  "en-GB": "en_GB",
  es: "es_ES",
  "es-419": "es_MX",
  et: "et_EE",
  fi: "fi_FI",
  fr: "fr_FR",
  "fr-CA": "fr_CA",
  "hi-IN": "hi_IN",
  hr: "hr_HR",
  hu: "hu_HU",
  id: "id_ID",
  it: "it_IT",
  ja: "ja_JP",
  ko: "ko_KR",
  lt: "lt_LT",
  lv: "lv_LV",
  nb: "nb_NO",
  nl: "nl_NL",
  pl: "pl_PL",
  pt: "pt_PT",
  "pt-BR": "pt_BR",
  ro: "ro_RO",
  ru: "ru_RU",
  sk: "sk_SK",
  sl: "sl_SI",
  sv: "sv_SE",
  th: "th_TH",
  tr: "tr_TR",
  vi: "vi_VN",
  zh: "zh_CN",
  "zh-HK": "zh_HK",
  "zh-TW": "zh_TW",
};

/** Odoo's language for the first of these tags that names one; "auto" names none. */
export function odooLanguage(tags: readonly (string | null | undefined)[]): string | undefined {
  for (const tag of tags) {
    if (tag === null || tag === undefined) continue;
    const found = ODOO_LANGUAGES[tag] ?? ODOO_LANGUAGES[tag.split("-")[0] ?? ""];
    if (found !== undefined) return found;
  }
  return undefined;
}
