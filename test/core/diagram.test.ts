import { diagram, holdfast, on } from "holdfast";
import { workflow } from "holdfast/workflows";
import * as z from "zod";
import { describe, expect, test } from "vitest";

const h = holdfast();
const field = z.union([z.string(), z.number()]).optional();

function entity(name: string) {
  return h
    .entity(name, {
      initial: () => 0,
      events: { end: z.object({}), "a-b": z.object({ text: z.string(), total: z.number(), open: z.boolean(), field }) },
      evolve: { end: (count) => count, "a-b": (count) => count },
    })
    .command("run", { decide: () => [] });
}

const quiet = h.entity("quiet", { initial: () => 0, events: {}, evolve: {} }).command("run", { decide: () => [] });

const order = entity("order");
const end = entity("end");
const handle = () => {};

const golden = `flowchart LR
  %% What is declared. What handlers call and commands send is code: it is not drawn.
  subgraph entity__end["entity end"]
    event__end__a_0b["a-b"]
    event__end__end["end"]
  end
  subgraph entity__order["entity order"]
    event__order__a_0b["a-b"]
    event__order__end["end"]
  end
  subgraph entity__quiet["entity quiet"]
  end
  subscription__end("subscription end")
  event__order__a_0b -->|"open = true<br/>text is one of #34;say #92;#34;end#92;#34;#93;#34;, #34;a#92;nb#92;#92;n#124;#96;#60;br/#62;#35;quot#59;#34;, #34;style#58;a#34;, #34;Österreich 中#34;"| subscription__end
  event__order__a_0b -->|"field is missing<br/>text begins with #34;A-#34; or #34;#37;#37;#123;#34;<br/>total is none of 1, 2"| subscription__end
  event__order__a_0b -->|"field exists<br/>text is not #34;x#34;"| subscription__end
  subscription__style("subscription style")
  event__end__end --> subscription__style
  event__order__a_0b -->|"total ≥ -0.5 and #60; 9"| subscription__style
  queue__end[("queue end")] --> worker__import("worker import")
  timer__night_0shift(["timer night-shift<br/>at 0 3 #42; #42; 1-5<br/>in Europe/Vienna"])
  timer__sweep(["timer sweep<br/>at #42;/5 #42; #42; #42; #42;<br/>in UTC"])`;

test("an app is drawn with its filters, sorted, whatever their strings hold", () => {
  const app = h.app({
    entities: [order, quiet, end],
    subscriptions: [
      h.subscription("style", {
        to: [on(end.events.end), on(order.events["a-b"], { total: { gte: -0.5, lt: 9 } })],
        handle,
      }),
      h.subscription("end", {
        to: [
          on(order.events["a-b"], {
            text: ['say "end"]', "a\nb\\n|`<br/>#quot;", "style:a", "Österreich 中"],
            open: true,
          }),
          on(order.events["a-b"], {
            text: { prefix: ["A-", "%%{"] },
            total: { not: [1, 2] },
            field: { exists: false },
          }),
          on(order.events["a-b"], { text: { not: "x" }, field: { exists: true } }),
        ],
        handle,
      }),
    ],
    workers: [h.worker("import", { queue: "end", input: z.string(), handle })],
    timers: [
      h.timer("sweep", { cron: "*/5 * * * *", handle }),
      h.timer("night-shift", { cron: "0 3 * * 1-5", zone: "Europe/Vienna", handle }),
    ],
  });
  // Read by Mermaid 11.17.2 as it is meant: its parser's nodes and labels were compared by hand.
  expect(diagram(app)).toBe(golden);
});

test("the order of declarations does not matter", () => {
  const parts = [
    h.subscription("b", { to: [on(order.events.end), on(end.events.end)], handle }),
    h.subscription("a", { to: [on(end.events.end), on(order.events.end)], handle }),
  ];
  expect(diagram(h.app({ entities: [order, end], subscriptions: parts }))).toBe(
    diagram(h.app({ entities: [end, order], subscriptions: parts.toReversed() })),
  );
});

test("names that differ in nothing but hyphens and dots are different nodes", () => {
  const one = (entity: string, type: string) =>
    h
      .entity(entity, { initial: () => 0, events: { [type]: z.object({}) }, evolve: { [type]: () => 0 } })
      .command("run", { decide: () => [] });
  const text = diagram(h.app({ entities: [one("a-b", "c"), one("a", "b-c"), one("a--b", "c"), one("a-", "b-c")] }));
  const nodes = [...text.matchAll(/^ {4}(\w+)\[/gm)].map(([, node]) => node);
  expect(new Set(nodes).size).toBe(4);
});

test("what a subscription would get of any version is one arrow without a label", () => {
  const app = h.app({ entities: [end], subscriptions: [h.subscription("all", { to: [on(end.events.end)], handle })] });
  expect(diagram(app)).toContain("\n  event__end__end --> subscription__all");
});

describe("a workflow", () => {
  const ask = workflow("ask-for", {
    input: z.object({}),
    signals: { "told-off": z.object({}), answered: z.object({}) },
    run: async () => null,
  });
  const wants = new Map([["ask-for", new Map([["woke", [new Map()]]])]]);

  test("is drawn with its signals and its end, which others may want; what drives it is not", () => {
    const bells = h.subscription("bells", { to: [on(ask.events.ended)], handle });
    const text = diagram(h.app({ entities: [quiet], workflows: [ask], subscriptions: [bells] }));
    expect(text.split("\n").slice(2)).toEqual([
      '  subgraph entity__ask_0for["workflow ask-for"]',
      '    signal__ask_0for__answered>"signal answered"]',
      '    signal__ask_0for__told_0off>"signal told-off"]',
      '    event__ask_0for__ended["ended"]',
      "  end",
      '  subgraph entity__quiet["entity quiet"]',
      "  end",
      '  subscription__bells("subscription bells")',
      "  event__ask_0for__ended --> subscription__bells",
    ]);
  });

  test("has those of its own events drawn that somebody wants all the same, so that no arrow begins nowhere", () => {
    const nosy = h.subscription("nosy", { to: [on(ask.events.ended)], handle });
    const subscription = { ...nosy, definition: { ...nosy.definition, wants } };
    const text = diagram(h.app({ entities: [], workflows: [ask], subscriptions: [subscription] }));
    expect(text).toContain('    event__ask_0for__woke["woke"]\n');
    expect(text).toContain("  event__ask_0for__woke --> subscription__nosy");
    expect(text).not.toContain("yielded");
  });
});
