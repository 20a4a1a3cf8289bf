/** The values of a route's parameters, as they stand in the decoded path. */
export type Params = { readonly [name: string]: string };

export interface Route {
  /** @param path decoded, with a slash at its beginning; undefined where it is another route's */
  match(path: string): Params | undefined;
  /** Of two that match, the one with the smaller rank is meant: literals before parameters before a catch-all. */
  readonly rank: string;
}

/**
 * Compiles a route template: literals, `{name}`, `{name?}` at the end, `{*name}` at the end. Letters of literals match in
 * either case.
 * Source: learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
 * @throws Error for a template with constraints, defaults, or parameters that are only part of a segment
 */
export function compileRoute(template: string): Route {
  const segments = template.split("/").filter((segment) => segment !== "");
  const parts = segments.map((segment) => {
    const [, stars, name, optional] = /^\{(\*{0,2})(\w+)(\?)?\}$/.exec(segment) ?? [];
    if (name === undefined && /[{}]/.test(segment)) {
      throw new Error(`Route "${template}": "${segment}" is not understood here, {name}, {name?} and {*name} are.`);
    }
    return { segment, name, isRest: stars !== undefined && stars !== "", isOptional: optional !== undefined };
  });

  function match(path: string): Params | undefined {
    const params: Record<string, string> = {};
    let rest = path.slice(1);
    for (const { segment, name, isRest, isOptional } of parts) {
      if (isRest && name !== undefined) {
        if (rest !== "") params[name] = rest;
        return params;
      }
      const at = rest.indexOf("/");
      const here = at < 0 ? rest : rest.slice(0, at);
      if (here === "" ? !isOptional : name === undefined && here.toLowerCase() !== segment.toLowerCase())
        return undefined;
      if (name !== undefined && here !== "") params[name] = here;
      rest = at < 0 ? "" : rest.slice(at + 1);
    }
    return rest === "" ? params : undefined;
  }

  const rank = parts.map(({ name, isRest }) => (name === undefined ? 1 : isRest ? 3 : 2)).join("");
  return { match, rank: `${rank}4` };
}
