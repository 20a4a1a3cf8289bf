import type { App } from "./app.ts";
import type { Filter, Scalar, Test } from "./messaging/filter.ts";

/**
 * Who is told of what, as a Mermaid flowchart: entities with their events, which subscriptions get them under which
 * filters, the queues that workers empty, workflows with their signals, and cron timers. What is declared is drawn; what handlers call and `decide`
 * sends is code, which declarations do not tell. Sorted by name: the same app gives the same text.
 * Source: https://mermaid.js.org/syntax/flowchart.html
 */
export function diagram(app: App): string {
  const lines = [
    "flowchart LR",
    "  %% What is declared. What handlers call and commands send is code: it is not drawn.",
  ];
  for (const [name, { events, workflow }] of sorted(app.entities)) {
    const kind = workflow ? "workflow" : "entity";
    lines.push(`  subgraph ${nodeOf("entity", name)}[${label(`${kind} ${name}`)}]`);
    for (const signal of workflow?.signals ?? []) {
      lines.push(`    ${nodeOf("signal", name, signal)}>${label(`signal ${signal}`)}]`);
    }
    for (const [type] of sorted(events)) {
      if (workflow && !isTold(app, name, type)) continue;
      lines.push(`    ${nodeOf("event", name, type)}[${label(type)}]`);
    }
    lines.push("  end");
  }
  for (const [name, { wants }] of sorted(app.subscriptions)) {
    if (isDriver(app, name)) continue;
    const node = nodeOf("subscription", name);
    lines.push(`  ${node}(${label(`subscription ${name}`)})`);
    for (const [entity, types] of sorted(wants)) {
      for (const [type, filters] of sorted(types)) {
        for (const filter of filters) lines.push(`  ${nodeOf("event", entity, type)} ${arrow(filter)} ${node}`);
      }
    }
  }
  for (const [name, { queue }] of sorted(app.workers)) {
    const [from, to] = [nodeOf("queue", queue), nodeOf("worker", name)];
    lines.push(`  ${from}[(${label(`queue ${queue}`)})] --> ${to}(${label(`worker ${name}`)})`);
  }
  for (const [name, { cron, zone }] of sorted(app.timers)) {
    lines.push(`  ${nodeOf("timer", name)}([${label(`timer ${name}`, `at ${cron}`, `in ${zone}`)}])`);
  }
  return lines.join("\n");
}

/** What drives a workflow, which has its name, is the workflow's own affair. */
function isDriver({ entities }: App, subscription: string): boolean {
  return entities.get(subscription)?.workflow !== undefined;
}

/** Of a workflow's events: its end, and what others want to be told of. The rest is how it works. */
function isTold(app: App, workflow: string, type: string): boolean {
  return (
    type === "ended" ||
    [...app.subscriptions].some(([name, { wants }]) => !isDriver(app, name) && wants.get(workflow)?.has(type))
  );
}

function sorted<Value>(map: ReadonlyMap<string, Value>): readonly [string, Value][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** An id that is no keyword (`end`) and, of different names, never the same: names hold hyphens, but no underscores. */
function nodeOf(kind: string, ...names: readonly string[]): string {
  return [kind, ...names.map((name) => name.replaceAll("-", "_0"))].join("__");
}

/** Both are needed: an arrow for each filter, one of which must let the event through. */
function arrow(filter: Filter): string {
  if (filter.size === 0) return "-->";
  return `-->|${label(...[...filter].map(([field, test]) => `${field} ${describe(test)}`))}|`;
}

function describe(test: Test): string {
  switch (test.kind) {
    case "in":
      return test.values.length === 1 ? `= ${listed(test.values)}` : `is one of ${listed(test.values)}`;
    case "not-in":
      return test.values.length === 1 ? `is not ${listed(test.values)}` : `is none of ${listed(test.values)}`;
    case "prefix":
      return `begins with ${listed(test.prefixes, " or ")}`;
    case "exists":
      return test.exists ? "exists" : "is missing";
    case "range": {
      const signs = { gt: ">", gte: "≥", lt: "<", lte: "≤" } as const;
      const bounds = (["gt", "gte", "lt", "lte"] as const).filter((bound) => test[bound] !== undefined);
      return bounds.map((bound) => `${signs[bound]} ${test[bound]}`).join(" and ");
    }
  }
}

function listed(values: readonly Scalar[], between = ", "): string {
  return values.map((value) => JSON.stringify(value)).join(between);
}

/**
 * Lines as a quoted label. All but letters, digits and a few signs becomes a character code: quotes would end the label,
 * `#` and `;` begin and end codes, `<` begins a tag, backticks and `*` are Markdown, a backslash with n breaks the line,
 * and a colon before a code could lose the code its end (Mermaid takes `style...:...#...;` for a style).
 */
function label(...lines: readonly string[]): string {
  const escaped = lines.map((line) =>
    line.replaceAll(/[^\p{L}\p{N} ,./=≥≤-]/gu, (character) => `#${character.codePointAt(0)};`),
  );
  return `"${escaped.join("<br/>")}"`;
}
