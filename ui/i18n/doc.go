// Package i18n holds the words of the screens, one JSON catalogue a language,
// embedded.
//
// It imports nothing of this module. Life of one word: a page is made with the
// Words of its language, a template asks Words.T for a key, and gets the text
// with its {0}, {1} filled in. The language belongs to the page, never to a
// shared variable. A further language is one more file, which under "lang." also says how
// the language writes numbers and days.
package i18n
