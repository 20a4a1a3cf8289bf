export const journalConformance: readonly never[] = [];
