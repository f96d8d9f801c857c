/** Checks at compile time that a parser and the type it is written for agree. No code. */

/** Without `readonly`, at any depth: a parser's type has none. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> }
    : T;

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `true` when both are the same type, `readonly` aside: unlike assignability it sees a missing optional field, too. */
export type Agree<A, B> = Same<Plain<A>, Plain<B>>;
