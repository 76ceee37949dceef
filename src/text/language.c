/* The languages of Whisper and the names people give them.  The order is that of the language tokens and part of every
 * model; large-v3 added the last one.
 *
 * SPDX-License-Identifier: MIT */
#include "text/language.h"

#include <stdbool.h>
#include <stddef.h>

#include "amanuensis.h"

typedef struct language {
    const char *code, *name;
} language;

static const language languages[AM_N_LANGUAGES] = {
    { "en", "english" },        { "zh", "chinese" },     { "de", "german" },        { "es", "spanish" },
    { "ru", "russian" },        { "ko", "korean" },      { "fr", "french" },        { "ja", "japanese" },
    { "pt", "portuguese" },     { "tr", "turkish" },     { "pl", "polish" },        { "ca", "catalan" },
    { "nl", "dutch" },          { "ar", "arabic" },      { "sv", "swedish" },       { "it", "italian" },
    { "id", "indonesian" },     { "hi", "hindi" },       { "fi", "finnish" },       { "vi", "vietnamese" },
    { "he", "hebrew" },         { "uk", "ukrainian" },   { "el", "greek" },         { "ms", "malay" },
    { "cs", "czech" },          { "ro", "romanian" },    { "da", "danish" },        { "hu", "hungarian" },
    { "ta", "tamil" },          { "no", "norwegian" },   { "th", "thai" },          { "ur", "urdu" },
    { "hr", "croatian" },       { "bg", "bulgarian" },   { "lt", "lithuanian" },    { "la", "latin" },
    { "mi", "maori" },          { "ml", "malayalam" },   { "cy", "welsh" },         { "sk", "slovak" },
    { "te", "telugu" },         { "fa", "persian" },     { "lv", "latvian" },       { "bn", "bengali" },
    { "sr", "serbian" },        { "az", "azerbaijani" }, { "sl", "slovenian" },     { "kn", "kannada" },
    { "et", "estonian" },       { "mk", "macedonian" },  { "br", "breton" },        { "eu", "basque" },
    { "is", "icelandic" },      { "hy", "armenian" },    { "ne", "nepali" },        { "mn", "mongolian" },
    { "bs", "bosnian" },        { "kk", "kazakh" },      { "sq", "albanian" },      { "sw", "swahili" },
    { "gl", "galician" },       { "mr", "marathi" },     { "pa", "punjabi" },       { "si", "sinhala" },
    { "km", "khmer" },          { "sn", "shona" },       { "yo", "yoruba" },        { "so", "somali" },
    { "af", "afrikaans" },      { "oc", "occitan" },     { "ka", "georgian" },      { "be", "belarusian" },
    { "tg", "tajik" },          { "sd", "sindhi" },      { "gu", "gujarati" },      { "am", "amharic" },
    { "yi", "yiddish" },        { "lo", "lao" },         { "uz", "uzbek" },         { "fo", "faroese" },
    { "ht", "haitian creole" }, { "ps", "pashto" },      { "tk", "turkmen" },       { "nn", "nynorsk" },
    { "mt", "maltese" },        { "sa", "sanskrit" },    { "lb", "luxembourgish" }, { "my", "myanmar" },
    { "bo", "tibetan" },        { "tl", "tagalog" },     { "mg", "malagasy" },      { "as", "assamese" },
    { "tt", "tatar" },          { "haw", "hawaiian" },   { "ln", "lingala" },       { "ha", "hausa" },
    { "ba", "bashkir" },        { "jw", "javanese" },    { "su", "sundanese" },     { "yue", "cantonese" },
};

/* Other names openai/whisper understands. */
static const language aliases[] = {
    { "my", "burmese" },       { "ca", "valencian" }, { "nl", "flemish" },   { "ht", "haitian" },
    { "lb", "letzeburgesch" }, { "ps", "pushto" },    { "pa", "panjabi" },   { "ro", "moldavian" },
    { "ro", "moldovan" },      { "si", "sinhalese" }, { "es", "castilian" }, { "zh", "mandarin" },
};

const char *am_language_code(int index) {
    return index >= 0 && index < AM_N_LANGUAGES ? languages[index].code : NULL;
}

const char *am_language_name(int index) {
    return index >= 0 && index < AM_N_LANGUAGES ? languages[index].name : NULL;
}

/* ASCII only: strcasecmp() would fold by the locale. */
static bool same(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
        if (x != *b) return false;
    }
    return *a == *b;
}

int am_language_find(const char *code_or_name) {
    if (!code_or_name) return -1;
    for (int i = 0; i < AM_N_LANGUAGES; i++)
        if (same(code_or_name, languages[i].code) || same(code_or_name, languages[i].name)) return i;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (same(code_or_name, aliases[i].name)) return am_language_find(aliases[i].code);
    return -1;
}

am_status am_language_get(size_t index, const char **code, const char **name) {
    if (index >= AM_N_LANGUAGES) return AM_E_END;
    if (code) *code = languages[index].code;
    if (name) *name = languages[index].name;
    return AM_OK;
}
