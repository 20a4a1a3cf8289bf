import { afterEach, beforeEach, expect, test } from "vitest";
import { isText, messageOf, type Metadata } from "../../../src/azure/functions/message.ts";

const now = 1_767_225_600_000;
const metadata: Metadata = {
  messageId: "m1",
  deliveryCount: 1,
  enqueuedTimeUtc: "2026-01-01T00:00:01.5",
  sessionId: "s1",
  applicationProperties: {},
};
const read = (more: Metadata = {}, body: unknown = Buffer.from("{}")) => messageOf(body, { ...metadata, ...more }, now);

const zone = process.env["TZ"];
beforeEach(() => {
  process.env["TZ"] = "Asia/Tokyo";
});
afterEach(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

test("a message is what the host says of it", () => {
  expect(read({}, Buffer.from("gr\u00fc\u00df"))).toEqual({
    id: "m1",
    group: "s1",
    receives: 1,
    body: "gr\u00fc\u00df",
    attributes: {},
    sent: now + 1_500,
  });
});

test("the host's times are in UTC, with a zone at their end or without one, wherever this runs", () => {
  expect(new Date(now).getTimezoneOffset()).toBe(-540);
  for (const enqueuedTimeUtc of ["2026-01-01T00:00:02", "2026-01-01T00:00:02Z", "2026-01-01T02:00:02+02:00"]) {
    expect(read({ enqueuedTimeUtc }).sent, enqueuedTimeUtc).toBe(now + 2_000);
  }
});

test("a message of which nobody says when it was sent was sent now", () => {
  for (const enqueuedTimeUtc of [undefined, null, 7, "", "yesterday"]) expect(read({ enqueuedTimeUtc }).sent).toBe(now);
});

test("a queue without sessions has no groups", () => {
  expect([undefined, null].map((sessionId) => read({ sessionId }).group)).toEqual([undefined, undefined]);
});

test("it was handed out as often as the host says, which counts from 1; a text of digits will do", () => {
  expect([1, 2, "3", 0].map((deliveryCount) => read({ deliveryCount }).receives)).toEqual([1, 2, 3, 1]);
});

test("texts, numbers and truths are attributes; nothing else is", () => {
  const applicationProperties = { a: "x", b: 1.5, c: true, d: null, e: { f: 1 }, g: undefined, h: ["i"] };
  expect(read({ applicationProperties }).attributes).toEqual({ a: "x", b: "1.5", c: "true" });
  for (const none of [undefined, null, "text"]) expect(read({ applicationProperties: none }).attributes).toEqual({});
});

test("a copy is the message that it stands for, handed out once more, and says so to nobody", () => {
  const applicationProperties = { retryof: "m0", kind: "row" };
  expect(read({ applicationProperties })).toMatchObject({ id: "m0", receives: 2, attributes: { kind: "row" } });
  expect(read({ applicationProperties, deliveryCount: 4 }).receives).toBe(5);
  for (const receives of ["7", 7]) {
    const counted = { applicationProperties: { ...applicationProperties, retryreceives: receives } };
    expect(read(counted)).toMatchObject({ receives: 8, attributes: { kind: "row" } });
    expect(Object.keys(read(counted).attributes)).toEqual(["kind"]);
  }
  for (const receives of ["0", "-1", "often", "1e9", "9999999"]) {
    const forged = { applicationProperties: { ...applicationProperties, retryreceives: receives } };
    expect(read(forged).receives, receives).toBe(2);
  }
});

test.each([
  ["a body that is a text", {}, "{}", /dataType "binary".* is string\.$/],
  ["a body that was parsed", {}, { n: 1 }, /dataType "binary".* is object\.$/],
  ["no body", {}, undefined, /dataType "binary".* is undefined\.$/],
  ["no id", { messageId: undefined }, Buffer.from("{}"), /with an id.* is undefined\.$/],
  ["an empty id", { messageId: "" }, Buffer.from("{}"), /with an id.* is ""\.$/],
  ["an id that is a number", { messageId: 7 }, Buffer.from("{}"), /with an id.* is 7\.$/],
  ["no deliveryCount", { deliveryCount: undefined }, Buffer.from("{}"), /deliveryCount.* is undefined\.$/],
  ["a deliveryCount that is none", { deliveryCount: "often" }, Buffer.from("{}"), /deliveryCount.* is "often"\.$/],
])("%s is malformed-event, and it says what it takes", (_, more, body, message) => {
  expect(() => messageOf(body, { ...metadata, ...more }, now)).toThrow(
    expect.objectContaining({ code: "malformed-event", message: expect.stringMatching(message) as string }),
  );
});

test("a message without metadata is malformed-event", () => {
  expect(() => messageOf(Buffer.from("{}"), undefined, now)).toThrow(
    expect.objectContaining({ code: "malformed-event" }),
  );
});

test("bytes that are no UTF-8 are no text, and are kept as far as they can be read", () => {
  expect([Buffer.from("a"), Buffer.from([0x61, 0xff]), Buffer.from([])].map(isText)).toEqual([true, false, true]);
  expect(read({}, Buffer.from([0x61, 0xff, 0x62])).body).toBe("a\ufffdb");
});

test("a byte order mark is part of the text", () => {
  expect(read({}, Buffer.from("\ufeff{}")).body).toBe("\ufeff{}");
});
