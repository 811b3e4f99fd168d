import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // Front-door tests spawn processes of their own and mostly wait for them: three keep two cores busy.
    maxWorkers: 3,
  },
});
