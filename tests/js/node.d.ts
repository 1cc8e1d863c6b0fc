/** As much of node's modules as the tests use. */

declare module "node:test" {
    type Body = () => void | Promise<void>;
    type Fake = (...given: never[]) => unknown;

    export function test(name: string, body: Body): void;
    export function afterEach(body: Body): void;
    export function beforeEach(body: Body): void;
    export const mock: {
        method<Owner, Name extends keyof Owner>(owner: Owner, name: Name, fake: Fake): void;
        restoreAll(): void;
        timers: {
            enable(which: { apis: readonly "setTimeout"[] }): void;
            tick(ms: number): void;
            reset(): void;
        };
    };
}

declare module "node:assert/strict" {
    type Expected =
        (new (...given: never[]) => Error) | { name: string } | ((error: unknown) => true);

    interface Assert {
        ok(value: unknown, message?: string): asserts value;
        equal(actual: unknown, expected: unknown, message?: string): void;
        deepEqual(actual: unknown, expected: unknown, message?: string): void;
        match(actual: string, expected: RegExp): void;
        rejects(promise: Promise<unknown>, expected: Expected): Promise<void>;
    }

    const assert: Assert;
    export default assert;
}
