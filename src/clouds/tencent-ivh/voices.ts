/**
 * Voices that every IVH account can name without asking: the pages speak of male_1 to male_20 and female_1 to
 * female_23 (volume notes of 2025-10-10 to 2026-04-01). An account may have others: list_assets tells.
 */
export const builtInVoices: readonly string[] = [
  ...Array.from({ length: 23 }, (_, index) => `female_${index + 1}`),
  ...Array.from({ length: 20 }, (_, index) => `male_${index + 1}`),
];

/**
 * Languages that a voice can be asked to speak, where it is made for several.
 * Source: timbre languages, international documentation, product 1211, page 67803 (read 2026-11).
 */
export const voiceLanguages: readonly string[] =
  'am-ET ar-EG ar-SA bg-BG bs-BA ca-ES cs-CZ da-DK de-AT de-CH de-DE el-GR en-AU en-GB en-IE en-US es-ES es-MX et-EE eu-ES fi-FI fil-PH fr-BE fr-CH fr-FR gl-ES he-IL hr-HR hu-HU id-ID it-IT ja-JP jv-ID ko-KR mk-MK ms-MY nb-NO ne-NP nl-BE nl-NL pl-PL ps-AF pt-BR pt-PT ro-RO sk-SK sl-SI sv-SE sw-KE th-TH tr-TR uk-UA vi-VN yue-CN zh-CN zh-HK zh-TW zu-ZA'.split(
    ' ',
  );
