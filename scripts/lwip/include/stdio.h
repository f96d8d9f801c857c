/* lwIP names it; what it would print is off. */
