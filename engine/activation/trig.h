/* trig.h - where in its turn an angle of any size lies. Private to engine/activation. */
#ifndef AX_ACTIVATION_TRIG_H
#define AX_ACTIVATION_TRIG_H

/* hi + lo = (4 m + quarter) pi/2 + r[0] + r[1], quarter 0 to 3, |r[0]| <= pi/4; |lo| is at most
 * half an ulp of hi. Exact to 2^-124. An infinity or a NaN gives NaN. Thread-safe. */
int ax_trig_turn(double hi, double lo, double r[2]);

#endif
