import { describe, expect, test } from "vitest";
import { decodedPath, encodedPath } from "../../../packages/azure-local/paths.ts";
import { compileRoute } from "../../../packages/azure-local/routes.ts";

describe("a path on its way through the host", () => {
  test.for([
    ["/a%20b", "/a b", "/a%20b"],
    ["/%C3%A4%F0%9F%98%80", "/ä😀", "/%C3%A4%F0%9F%98%80"],
    ["/a%2Fb%2fc", "/a%2Fb%2fc", "/a%2Fb%2fc"],
    ["/100%25", "/100%", "/100%25"],
    ["/%FF", "/%FF", "/%FF"],
    ["/a:b@c!$&'()*+,;=~", "/a:b@c!$&'()*+,;=~", "/a:b@c!$&'()*+,;=~"],
    ["/[x]|%22", '/[x]|"', "/%5Bx%5D%7C%22"],
  ])("%s", ([raw, decoded, handedOn]) => {
    expect(decodedPath(raw as string)).toBe(decoded);
    expect(encodedPath(decoded as string)).toBe(handedOn);
  });

  test("an escape of an escape is one escape afterwards, which the function cannot tell from one", () => {
    expect(encodedPath(decodedPath("/%252F") ?? "")).toBe("/%2F");
  });

  test("one with a zero character is refused", () => {
    expect(decodedPath("/a%00")).toBeUndefined();
  });
});

describe("a route", () => {
  test.for([
    ["api/cart/{id}", "/API/Cart/u1", { id: "u1" }],
    ["api/cart/{id}", "/api/cart/u1/", { id: "u1" }],
    ["api/cart/{id}", "/api/cart", undefined],
    ["api/cart/{id}", "/api/cart/u1/x", undefined],
    ["api/cart/{id?}", "/api/cart", {}],
    ["{*path}", "/", {}],
    ["{*path}", "/a//b/", { path: "a//b/" }],
    ["{**path}", "/a", { path: "a" }],
    ["", "/", {}],
    ["", "/a", undefined],
  ] as const)("%s takes %s as %o", ([template, path, params]) => {
    expect(compileRoute(template).match(path)).toEqual(params);
  });

  test("literals rank before parameters, parameters before the rest", () => {
    const ranks = ["a/b", "a/{x}", "a/{*x}", "{*x}"].map((template) => compileRoute(template).rank);
    expect(ranks).toEqual(ranks.toSorted());
  });

  test("with a constraint is refused", () => {
    expect(() => compileRoute("a/{id:int}")).toThrow('"{id:int}" is not understood here');
  });
});
