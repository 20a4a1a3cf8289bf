const flag = "--experimental-strip-types";

/** What Node must be told so that it runs TypeScript: nothing if it does by itself, or has been told already. */
export const typescriptFlags: readonly string[] =
  process.features.typescript || process.execArgv.includes(flag) ? [] : [flag, "--disable-warning=ExperimentalWarning"];
