"""What an image is: a grid in the patient, a CT on it, a mask cut out of it, and sampling."""
