/** Tells whether a value that was JSON is what it should be. */
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
/** `1e999` is JSON, too. */
const isNumber: Check = (value) => Number.isFinite(value);
/** For people only; hosts whose users have numbers for ids have had those stored. */
const isPrincipal: Check = (value) => isText(value) || isNumber(value);
const isTrue: Check = (value) => value === true;
const isAnything: Check = () => true;
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isPlace: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;

type Fields = { readonly [name: string]: Check };

/** Fields that are not listed are newer code's, and pass. */
function object(needed: Fields, optional: Fields = {}): Check {
  const names = Object.keys(needed);
  const known = new Map(Object.entries({ ...needed, ...optional }));
  return (value) => {
    if (!isObject(value)) return false;
    for (const name of names) if (value[name] === undefined) return false;
    for (const name of Object.keys(value)) if (known.get(name)?.(value[name]) === false) return false;
    return true;
  };
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function mapOf(check: Check): Check {
  return (value) => isObject(value) && Object.values(value).every(check);
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isEvent = object({ type: isText, data: isAnything }, { v: isPlace });
const isRejection = object({ code: isText, message: isText }, { status: isPlace });
const isMessage = object({ entity: isText, id: isText, command: isText }, { input: isAnything });
const isTimer = object({ name: isText }, { at: isNumber, command: isText, input: isAnything });

const isEntry = object(
  { id: isText, command: isText },
  {
    key: isText,
    derived: isTrue,
    born: isNumber,
    fp: isText,
    events: listOf(isEvent),
    reply: isAnything,
    rejected: isRejection,
    messages: listOf(isMessage),
    timers: listOf(isTimer),
    correlation: isText,
    causation: isText,
    trace: isText,
    principal: isPrincipal,
  },
);

/** Whether it is the list of entries of a record, as docs/format.md describes it. */
export const isEntries: Check = listOf(isEntry);

const isRanges = listOf(object({ from: isPlace, to: isPlace, oldest: isNumber, newest: isNumber, count: isPlace }));

const isPending = object(
  { at: isNumber, command: isText, generation: isText },
  { input: isAnything, correlation: isText, trace: isText },
);

/** Whether it is the body of a snapshot. */
export const isSnapshotBody: Check = object(
  {
    record: isText,
    version: isCount,
    time: isNumber,
    state: isAnything,
    keys: object({ foreign: isRanges, derived: isRanges }),
  },
  { timers: mapOf(isPending), events: mapOf(isPlace), erased: isTrue },
);

/** Whether it is a page of keys: hash, sequence, hash, sequence ... */
export const isKeyPage: Check = (value) =>
  Array.isArray(value) &&
  value.length % 2 === 0 &&
  value.every((item: unknown, i) => (i % 2 === 0 ? isText(item) : isPlace(item)));
