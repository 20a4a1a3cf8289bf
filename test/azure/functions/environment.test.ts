import { isHoldfastError } from "holdfast";
import { describe, expect, test } from "vitest";
import { readEnvironment, type Variables } from "../../../src/azure/functions/environment.ts";

const whole = {
  HOLDFAST_TABLE_URL: "https://shop.table.core.windows.net",
  HOLDFAST_SERVICEBUS__fullyQualifiedNamespace: "shop.servicebus.windows.net",
};

function problem(env: Variables): string {
  try {
    readEnvironment(env);
  } catch (error) {
    if (isHoldfastError(error, "invalid-options")) return error.message;
    throw error;
  }
  return "";
}

describe("the environment of the functions", () => {
  test("is the addresses of both services, with names that have defaults", () => {
    expect(readEnvironment(whole)).toEqual({
      tables: { url: "https://shop.table.core.windows.net" },
      table: "journal",
      serviceBus: { url: "shop.servicebus.windows.net" },
      prefix: "",
      log: "info",
    });
  });

  test("may be connection strings, for emulators", () => {
    const env = {
      HOLDFAST_TABLE_CONNECTION:
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=b;TableEndpoint=http://127.0.0.1:1/a",
      HOLDFAST_SERVICEBUS: "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=x;SharedAccessKey=y",
      HOLDFAST_TABLE: "other",
      HOLDFAST_PREFIX: "shop-",
      HOLDFAST_LOG: "debug",
    };
    expect(readEnvironment(env)).toEqual({
      tables: { connection: env.HOLDFAST_TABLE_CONNECTION },
      table: "other",
      serviceBus: { connection: env.HOLDFAST_SERVICEBUS },
      prefix: "shop-",
      log: "debug",
    });
  });

  test("an address is meant where both are there", () => {
    expect(readEnvironment({ ...whole, HOLDFAST_SERVICEBUS: "Endpoint=sb://x" }).serviceBus).toEqual({
      url: "shop.servicebus.windows.net",
    });
  });

  test("names everything that is missing, and what it holds", () => {
    const message = problem({});
    for (const text of ["HOLDFAST_TABLE_URL is missing", "shop.table.core", "fullyQualifiedNamespace is missing"]) {
      expect(message).toContain(text);
    }
  });

  test.each([
    ["HOLDFAST_TABLE_URL", "http://shop.table.core.windows.net"],
    ["HOLDFAST_TABLE_URL", "shop"],
    ["HOLDFAST_SERVICEBUS__fullyQualifiedNamespace", "sb://shop.servicebus.windows.net/"],
    ["HOLDFAST_TABLE", "no-hyphens"],
    ["HOLDFAST_TABLE", "x"],
    ["HOLDFAST_PREFIX", "a b"],
  ])("refuses %s=%s and says what it has to hold", (name, value) => {
    expect(problem({ ...whole, [name]: value })).toContain(`${name} is ${JSON.stringify(value)}; it has to hold`);
  });

  test("never says what a connection string holds", () => {
    const message = problem({ HOLDFAST_TABLE_CONNECTION: "password=secret", HOLDFAST_SERVICEBUS: "secret" });
    expect(message).toContain("HOLDFAST_TABLE_CONNECTION is no connection string");
    expect(message).toContain("HOLDFAST_SERVICEBUS is no connection string");
    expect(message).not.toContain("secret");
  });
});
