/** The package, as seen from a compiled test. */
import { fileURLToPath } from 'node:url';

/** From dist/test/helpers/ it is three levels up. */
export const packageRoot = fileURLToPath(new URL('../../..', import.meta.url));
