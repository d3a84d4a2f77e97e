// Names of languages and regions, as the browser knows them.
const named = (type) => {
  const names = new Intl.DisplayNames([document.documentElement.lang || "en"], { type });
  return (code) => {
    try {
      return names.of(code) ?? code;
    } catch {
      return code;
    }
  };
};
export const languageName = named("language");
const country = named("region");
/** "AT" or a part of it, "AT-9". */
export const regionName = (code) => country(code.split("-")[0]) + (code.includes("-") ? ` (${code})` : "");
