/* qr.h - a text as a QR code on standard error. */
#ifndef CLI_QR_H
#define CLI_QR_H

/* Two squares in one character, light on dark whatever the colours of the terminal are; where it
 * shows no UTF-8, each square is two blanks. Says so, and draws nothing, where it is too narrow. */
void qr_print(const char *text);

#endif
