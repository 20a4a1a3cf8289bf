export const nothing: undefined = undefined;
