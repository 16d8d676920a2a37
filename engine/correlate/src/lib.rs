//! Noroshi correlate: hits to findings in event time, the same for every order of arrival.
