/** Debian's Chromium, headless, with a profile of its own. */
import { type Browser, chromium } from 'playwright-core';
import { findProgram } from '../../../src/runtime/find-program.js';
import type { Stage } from '../e2e/stage.js';

/** Closed after the test. */
export async function openBrowser(stage: Stage): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: findProgram('chromium', process.env['PATH'] ?? '') ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      // It would ask its maker for things, on a machine that has nobody to ask.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  stage.after(() => browser.close());
  return browser;
}
