package paddle_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
)

func serialize(body string) (string, error) {
	form, err := paddle.Parse(body)
	if err != nil {
		return "", err
	}
	form.Sort()
	return string(form.AppendSerialized(nil)), nil
}

// asPHP is what PHP 8.2 made of these forms, read from $_POST.
var asPHP = []struct{ name, body, want string }{
	{"nothing", "", `a:0:{}`},
	{"separators alone", "&&", `a:0:{}`},
	{"no name", "=1", `a:0:{}`},
	{"no value", "a&&b=", `a:2:{s:1:"a";s:0:"";s:1:"b";s:0:"";}`},
	{"equals sign in a value", "a==b=c", `a:1:{s:1:"a";s:4:"=b=c";}`},
	{"semicolon is no separator", "a=1;b=2", `a:1:{s:1:"a";s:5:"1;b=2";}`},
	{"sorted by bytes", "b=1&B=2&a_=3&a=4&é=5",
		`a:5:{s:1:"B";s:1:"2";s:1:"a";s:1:"4";s:2:"a_";s:1:"3";s:1:"b";s:1:"1";s:2:"é";s:1:"5";}`},
	{"plus and percent", "a=1+2%203%2B4%2f%2F", `a:1:{s:1:"a";s:9:"1 2 3+4//";}`},
	{"percent alone", "a=%zz%4&b=%&c=%%41%4", `a:3:{s:1:"a";s:5:"%zz%4";s:1:"b";s:1:"%";s:1:"c";s:4:"%A%4";}`},
	{"length in bytes", "k=%C3%A9%F0%9F%9B%B6", `a:1:{s:1:"k";s:6:"é🛶";}`},
	{"not UTF-8", "k=%ff%00%0a", "a:1:{s:1:\"k\";s:3:\"\xff\x00\n\";}"},
	{"quotes", `k="%22';`, `a:1:{s:1:"k";s:4:"""';";}`},
	{"last value wins", "a=1&b=2&a=3", `a:2:{s:1:"a";s:1:"3";s:1:"b";s:1:"2";}`},
	{"case counts", "a=1&A=2", `a:2:{s:1:"A";s:1:"2";s:1:"a";s:1:"1";}`},

	{"leading spaces", "%20%20a=1&+b=2", `a:2:{s:1:"a";s:1:"1";s:1:"b";s:1:"2";}`},
	{"spaces and dots in a name", "a.b+c[d.e f]=1", `a:1:{s:5:"a_b_c";a:1:{s:5:"d.e f";s:1:"1";}}`},
	{"NUL ends a name", "a%00b=1&c[d%00]=2", `a:2:{s:1:"a";s:1:"1";s:3:"c_d";s:1:"2";}`},
	{"NUL as it is", "a\x00b=x\x00y", "a:1:{s:1:\"a\";s:3:\"x\x00y\";}"},
	{"encoded name", "%61%5bb%5d=1", `a:1:{s:1:"a";a:1:{s:1:"b";s:1:"1";}}`},
	{"like a host cookie", "__Host-a.b=1&_.Host-x=2&_[Secure-y=3", `a:1:{s:10:"__Host-a_b";s:1:"1";}`},

	{"host cookie as a subscript", "a[__Host-x]=1&b[c][__Secure-x]=2&__Host-d[__Host-x]=3&e[_.Host-x]=4",
		`a:4:{s:8:"__Host-d";a:1:{s:8:"__Host-x";s:1:"3";}s:1:"a";a:0:{}` +
			`s:1:"b";a:1:{s:1:"c";a:0:{}}s:1:"e";a:1:{s:8:"_.Host-x";s:1:"4";}}`},
	{"list", "t[]=red&t[]=blue", `a:1:{s:1:"t";a:2:{i:0;s:3:"red";i:1;s:4:"blue";}}`},
	{"map", "a[y]=1&a[x]=2&a[y]=3", `a:1:{s:1:"a";a:2:{s:1:"y";s:1:"3";s:1:"x";s:1:"2";}}`},
	{"deeper", "a[b][c][]=1&a[b][c][]=2&a[b][d]=3",
		`a:1:{s:1:"a";a:1:{s:1:"b";a:2:{s:1:"c";a:2:{i:0;s:1:"1";i:1;s:1:"2";}s:1:"d";s:1:"3";}}}`},
	{"lists in a list", "a[][b]=1&a[][b]=2", `a:1:{s:1:"a";a:2:{i:0;a:1:{s:1:"b";s:1:"1";}i:1;a:1:{s:1:"b";s:1:"2";}}}`},
	{"text becomes array", "a=1&a[b]=2", `a:1:{s:1:"a";a:1:{s:1:"b";s:1:"2";}}`},
	{"array becomes text", "a[b]=1&a=2", `a:1:{s:1:"a";s:1:"2";}`},
	{"bracket never closed", "a[b.c[d=1&e[=2", `a:2:{s:7:"a_b_c_d";s:1:"1";s:2:"e_";s:1:"2";}`},
	{"second bracket never closed", "a[b][c=1&d[][e=2", `a:2:{s:1:"a";a:1:{s:1:"b";s:1:"1";}s:1:"d";a:1:{i:0;s:1:"2";}}`},
	{"text behind a bracket", "a[b]c[d]=1&e[]]=2&f[[]]=3",
		`a:3:{s:1:"a";a:1:{s:1:"b";s:1:"1";}s:1:"e";a:1:{i:0;s:1:"2";}s:1:"f";a:1:{s:1:"[";s:1:"3";}}`},
	{"subscript of nothing", "[a]=1&[=2&[]=3", `a:0:{}`},
	{"space in a subscript", "a[ ]=1&a[%0b]=2&a[ b]=3&a[  ]=4",
		`a:1:{s:1:"a";a:4:{i:0;s:1:"1";i:1;s:1:"2";s:2:" b";s:1:"3";s:2:"  ";s:1:"4";}}`},

	{"integers in an array", "a[7]=1&a[]=2&a[3]=3&a[]=4", `a:1:{s:1:"a";a:4:{i:7;s:1:"1";i:8;s:1:"2";i:3;s:1:"3";i:9;s:1:"4";}}`},
	{"not quite integers", "a[01]=1&a[-0]=2&a[%2b1]=3&a[1.0]=4&a[-]=5&a[9223372036854775808]=6",
		`a:1:{s:1:"a";a:6:{s:2:"01";s:1:"1";s:2:"-0";s:1:"2";s:2:"+1";s:1:"3";s:3:"1.0";s:1:"4";` +
			`s:1:"-";s:1:"5";s:19:"9223372036854775808";s:1:"6";}}`},
	{"behind a negative", "a[-5]=1&a[]=2", `a:1:{s:1:"a";a:2:{i:-5;s:1:"1";i:-4;s:1:"2";}}`},
	{"behind the lowest", "a[-9223372036854775808]=1&a[]=2",
		`a:1:{s:1:"a";a:2:{i:-9223372036854775808;s:1:"1";i:-9223372036854775807;s:1:"2";}}`},
	{"behind the highest", "a[9223372036854775806]=1&a[]=2&a[]=3&a[][x]=4",
		`a:1:{s:1:"a";a:2:{i:9223372036854775806;s:1:"1";i:9223372036854775807;s:1:"2";}}`},
	{"integers as names", "10=a&9=b&a=c&-1=d", `a:4:{i:-1;s:1:"d";i:9;s:1:"b";i:10;s:1:"a";s:1:"a";s:1:"c";}`},
	{"numbers as names", "1e3=a&999=b&0x1=c&%091=d&1e999=e", `a:5:{s:2:"` + "\t" +
		`1";s:1:"d";s:3:"0x1";s:1:"c";i:999;s:1:"b";s:3:"1e3";s:1:"a";s:5:"1e999";s:1:"e";}`},
	{"infinite numbers as names", "1e999=a&999=b", `a:2:{i:999;s:1:"b";s:5:"1e999";s:1:"a";}`},
	{"beyond integers as names", "9223372036854775809=a&9223372036854775808=b&9223372036854775000=c&-9223372036854775809=d",
		`a:4:{s:20:"-9223372036854775809";s:1:"d";i:9223372036854775000;s:1:"c";` +
			`s:19:"9223372036854775808";s:1:"b";s:19:"9223372036854775809";s:1:"a";}`},
	{"beyond floats as names", "2e999=a&1e999=b&-1e999=c&99999999999999999999=d",
		`a:4:{s:6:"-1e999";s:1:"c";s:20:"99999999999999999999";s:1:"d";s:5:"1e999";s:1:"b";s:5:"2e999";s:1:"a";}`},
	{"large integers as names", "9007199254740993=a&9007199254740992=b",
		`a:2:{i:9007199254740992;s:1:"b";i:9007199254740993;s:1:"a";}`},
	{"numbers within are not sorted", "a[10]=1&a[9]=2&a[b]=3&a[B]=4",
		`a:1:{s:1:"a";a:4:{i:10;s:1:"1";i:9;s:1:"2";s:1:"b";s:1:"3";s:1:"B";s:1:"4";}}`},
}

func TestSerializesAsPHP(t *testing.T) {
	t.Parallel()
	for _, tc := range asPHP {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := serialize(tc.body)
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()

	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&k%d[]=%d", i%(n-1), i) // the last one goes to the first
		}
		return b.String()[1:]
	}

	form, err := paddle.Parse(many(128))
	require.NoError(t, err)
	assert.Equal(t, 127, form.Len())

	item, ok := form.Get("k0")
	require.True(t, ok)
	assert.Equal(t, []paddle.Item{{Key: "0", Text: "0"}, {Key: "1", Text: "127"}}, item.Array.Items())

	form, err = paddle.Parse(many(80) + "&" + many(40))
	require.NoError(t, err)
	assert.Equal(t, 79, form.Len(), "none twice")

	_, err = paddle.Parse(many(129))
	require.ErrorIs(t, err, paddle.ErrTooManyFields)

	_, err = paddle.Parse(strings.Repeat("&a[]"+strings.Repeat("[]", 63), 17)[1:])
	require.ErrorIs(t, err, paddle.ErrTooManyFields, "17 fields that make 1,088 arrays")

	numbers := "1e3&-1e3&1e4&1e5&1e6&1e7&1e8&1e9&10&-7"
	_, err = paddle.Parse(numbers)
	require.NoError(t, err, "integers do not count")
	_, err = paddle.Parse(numbers + "&1e10")
	require.ErrorIs(t, err, paddle.ErrTooManyNumbers)

	got, err := serialize("a" + strings.Repeat("[x]", 64) + "=1")
	require.NoError(t, err)
	assert.Equal(t, `a:1:{s:1:"a";`+strings.Repeat(`a:1:{s:1:"x";`, 64)+`s:1:"1";`+strings.Repeat("}", 65), got)

	_, err = paddle.Parse("a" + strings.Repeat("[x]", 65) + "=1")
	require.ErrorIs(t, err, paddle.ErrTooDeep)
}

func TestRemove(t *testing.T) {
	t.Parallel()

	form, err := paddle.Parse("b=1&a=2&c[]=3")
	require.NoError(t, err)

	item, ok := form.Remove("a")
	assert.True(t, ok)
	assert.Equal(t, paddle.Item{Key: "a", Text: "2"}, item)

	_, ok = form.Remove("a")
	assert.False(t, ok)

	_, ok = form.Get("a")
	assert.False(t, ok)
	assert.Equal(t, 2, form.Len())
	assert.Equal(t, `a:2:{s:1:"b";s:1:"1";s:1:"c";a:1:{i:0;s:1:"3";}}`, string(form.AppendSerialized(nil)))
}

// TestAgainstPHP compares 100,000 generated forms with PHP.
func TestAgainstPHP(t *testing.T) {
	t.Parallel()

	php, err := exec.LookPath("php")
	if err != nil {
		const remedy = "php is missing: apt-get install php-cli"
		if os.Getenv("CI") == "true" {
			t.Fatal(remedy)
		}
		t.Skip(remedy)
	}

	var (
		bodies []string
		input  strings.Builder
	)
	for _, tc := range asPHP {
		if !strings.Contains(tc.body, "\x00") { // parse_str is less liberal there than $_POST
			bodies = append(bodies, tc.body)
		}
	}

	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same forms each time
	for range 103_000 {                   // some have no order
		bodies = append(bodies, randomForm(random))
	}

	for _, body := range bodies {
		input.WriteString(base64.StdEncoding.EncodeToString([]byte(body)) + "\n")
	}

	cmd := exec.CommandContext(t.Context(), php, "-n", "testdata/serialize.php") //nolint:gosec // the machine's own PHP
	cmd.Stdin = strings.NewReader(input.String())
	output, err := cmd.Output()
	require.NoError(t, err)

	lines := strings.Fields(string(output))
	require.Len(t, lines, len(bodies))
	withoutOrder, refused := 0, 0
	for i, body := range bodies {
		got, err := serialize(body)
		if errors.Is(err, paddle.ErrTooManyNumbers) {
			refused++
			continue
		}
		require.NoError(t, err)
		if lines[i] == "none" {
			withoutOrder++
			continue
		}
		want, err := base64.StdEncoding.DecodeString(lines[i])
		require.NoError(t, err)
		require.Equal(t, string(want), got, "%q", body)
	}
	t.Logf("%d forms: %d have names without an order, %d too many numbers as names", len(bodies), withoutOrder, refused)
	assert.Greater(t, len(bodies)-withoutOrder-refused, 100_000, "compared")
}

// numberNames are names that PHP takes for numbers, or nearly: at and beyond the limits
// of int64 and float64, with signs, zeros, exponents and space.
var numberNames = strings.Fields("0 7 10 -3 -0 00 05 -05 %2B5 5%0A %095 7%0B 1e3 1E3 -1e3 1e-3 1e%2B3 1000 999 1e999 2e999 " +
	"-1e999 -2e999 1e-999 1e 1e- - %2B %2B- 9007199254740992 9007199254740993 9007199254740993e0 9223372036854775806 " +
	"9223372036854775807 9223372036854775808 9223372036854775809 %2B9223372036854775807 09223372036854775808 " +
	"-9223372036854775807 -9223372036854775808 -9223372036854775809 -9223372036854775810 9223372036854775808%0A " +
	"-9223372036854775808%09 18446744073709551615 18446744073709551616 99999999999999999999 99999999999999999998 " +
	"-99999999999999999999 99999999999999999999e3 123456789012345678901e-3 1000000000000000000000 1e21 1e18 0x1 0b1 1_0 1.5 .5")

// randomForm is made of the pieces that mean something to PHP. Some have numbers as names.
func randomForm(random *rand.Rand) string {
	pick := func(pieces ...string) string { return pieces[random.IntN(len(pieces))] }
	start := func() string {
		return pick("a", "b", "B", "alert_id", "_", "é", "%C3%A9", "%20a", "+b", ".", "[", "", "=", "+", "__Host-", "%5F.Host-",
			"__Secure-", "_.Secure-", "__Host", "%20__Host-", "__host-")
	}
	numbers := numberNames[:1+random.IntN(len(numberNames))]
	if random.IntN(2) == 0 { // few, so that they seldom contradict each other
		numbers = []string{pick(numberNames...), pick(numberNames...), pick(numberNames...)}
	}
	share := random.IntN(4) // of numbers among the names, in quarters
	middle := func() string {
		return pick("", "", "", "a", ".b", " c", "+d", "%20", "[x]", "[]", "[]", "[7]", "[-3]", "[01]", "[ ]", "[ y]", "[x][]",
			"[%0a]", "[", "]", "%5B", "%5D", "[9223372036854775807]", "%00", "%4", "[__Host-x]", "[__Secure-]", "[_.Host-x]",
			"[ __Host-x]", "[__Host-", "["+pick(numberNames...)+"]")
	}
	value := func() string {
		return pick("", "1", "red", "a+b", "a%20b", "%2B", "%", "%4", "%zz", "%C3%A9", "%F0%9F%9B%B6", "%ff", "%00", "%22;", "=",
			"[x]", "\n", strings.Repeat("x", 200))
	}

	var b strings.Builder
	for range random.IntN(12) {
		if random.IntN(4) < share {
			b.WriteString(pick(numbers...) + pick("", "", "[x]", "[]", "[][y]"))
		} else {
			b.WriteString(start())
			for range random.IntN(4) {
				b.WriteString(middle())
			}
		}
		b.WriteString(pick("="+value(), "="+value(), "") + pick("&", "&", "&", "&&", ";&"))
	}
	return b.String()
}

// unserialize reads what serialize writes, strictly, and counts the items.
func unserialize(t *testing.T, s string) (items []paddle.Item, nested [][]paddle.Item, rest string) {
	t.Helper()

	take := func(prefix string) {
		require.True(t, strings.HasPrefix(s, prefix), "%q at %.20q", prefix, s)
		s = s[len(prefix):]
	}
	number := func(until string) int {
		digits, after, ok := strings.Cut(s, until)
		require.True(t, ok)

		n, err := strconv.Atoi(digits)
		require.NoError(t, err)
		require.Equal(t, digits, strconv.Itoa(n))

		s = after
		return n
	}
	text := func() string {
		take("s:")

		n := number(`:"`)
		require.LessOrEqual(t, n, len(s))

		value := s[:n]
		s = s[n:]
		take(`";`)
		return value
	}

	take("a:")
	for range number(":{") {
		var item paddle.Item
		if strings.HasPrefix(s, "i:") {
			take("i:")
			item.Key = strconv.Itoa(number(";"))
		} else {
			item.Key = text()
		}
		var inner []paddle.Item
		if strings.HasPrefix(s, "a:") {
			inner, _, s = unserialize(t, s)
		} else {
			item.Text = text()
		}
		items, nested = append(items, item), append(nested, inner)
	}

	take("}")
	return items, nested, s
}

// sameItems compares two levels deep.
func sameItems(t *testing.T, form *paddle.Array, items []paddle.Item, nested [][]paddle.Item) {
	t.Helper()
	require.Len(t, items, form.Len())
	for i, item := range form.Items() {
		assert.Equal(t, item.Key, items[i].Key)
		assert.Equal(t, item.Text, items[i].Text)
		if item.Array != nil {
			require.Len(t, nested[i], item.Array.Len())
			for j, inner := range item.Array.Items() {
				assert.Equal(t, inner.Key, nested[i][j].Key)
				assert.Equal(t, inner.Text, nested[i][j].Text)
			}
		}
	}
}

// encode writes an array as a form again.
func encode(b *strings.Builder, prefix string, form *paddle.Array) {
	for _, item := range form.Items() {
		name := prefix + "[" + item.Key + "]"
		if prefix == "" {
			name = item.Key
		}
		if item.Array != nil {
			encode(b, name, item.Array)
		} else {
			b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(item.Text) + "&")
		}
	}
}

func FuzzSerialize(f *testing.F) {
	for _, tc := range asPHP {
		f.Add(tc.body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := paddle.Parse(body)
		if err != nil {
			return
		}

		form.Sort()

		serialized := string(form.AppendSerialized(nil))
		items, nested, rest := unserialize(t, serialized)
		require.Empty(t, rest)
		sameItems(t, form, items, nested)

		keys := make(map[string]bool)
		for _, item := range form.Items() {
			assert.NotEmpty(t, item.Key)
			assert.NotContains(t, strings.TrimLeft(item.Key, "\t\n\r\v\f"), " ")
			assert.NotContains(t, item.Key, ".")
			assert.False(t, keys[item.Key], "twice")
			keys[item.Key] = true
		}

		// Every other way to write the same array is the same array. A subscript
		// of one space, or with a bracket that opens, cannot be written again, nor
		// can an empty array.
		if strings.ContainsAny(serialized, " \t\n\r\v\f[]") || strings.Contains(serialized[1:], "a:0:{}") {
			return
		}

		var again strings.Builder

		encode(&again, "", form)

		reparsed, err := paddle.Parse(strings.TrimSuffix(again.String(), "&"))
		if err != nil {
			return // an empty name between fields was one of the many
		}

		assert.Equal(t, serialized, string(reparsed.AppendSerialized(nil)))
	})
}

func BenchmarkSerialize(b *testing.B) {
	var body strings.Builder
	for i := range 34 {
		fmt.Fprintf(&body, "field_%02d=some+value%%2C+%d&", i, i) // Paddle sorts them
	}
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		form, err := paddle.Parse(body.String())
		if err != nil {
			b.Fatal(err)
		}
		form.Sort()
		dst = form.AppendSerialized(dst[:0])
	}
}
