<?php
// Reads forms from standard input, each base64 on a line of its own, and
// answers each with what Paddle signs of it: sorted, serialized, in base64.
error_reporting(0);

while (($line = fgets(STDIN)) !== false) {
    parse_str(base64_decode($line), $fields);
    ksort($fields);

    foreach ($fields as $name => $value) {
        if (!in_array(gettype($value), ['object', 'array'])) {
            $fields[$name] = "$value";
        }
    }

    echo base64_encode(serialize($fields)), "\n";
}
