/** What the demo tells while it runs. */
export type { DemoEvent, DemoNode, DemoPair, DemoResult } from '../lab/demo.js';
