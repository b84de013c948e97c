using System.Globalization;
using System.Text;

namespace RpcNet.Generators.Baseline;

/// <summary>
/// Reads JSON (RFC 8259) into dictionaries, lists and texts. Numbers stay the text they were; true, false and null are null,
/// since nothing here needs them.
/// </summary>
internal sealed class JsonReader(string text)
{
    private const int MaxDepth = 16;
    private int _position;

    /// <exception cref="FormatException">The text is no JSON.</exception>
    public object? ReadDocument()
    {
        var value = ReadValue(0);
        SkipWhiteSpace();
        return _position == text.Length ? value : throw Error("the end");
    }

    private object? ReadValue(int depth)
    {
        if (depth > MaxDepth)
        {
            throw Error("less nesting");
        }

        SkipWhiteSpace();
        return Peek() switch
        {
            '{' => ReadObject(depth),
            '[' => ReadArray(depth),
            '"' => ReadString(),
            _ => ReadWord(),
        };
    }

    private Dictionary<string, object?> ReadObject(int depth)
    {
        var members = new Dictionary<string, object?>(StringComparer.Ordinal);
        Expect('{');
        if (TryTake('}'))
        {
            return members;
        }

        do
        {
            SkipWhiteSpace();
            var name = ReadString();
            SkipWhiteSpace();
            Expect(':');
            members[name] = ReadValue(depth + 1);
        }
        while (TryTake(','));
        Expect('}');
        return members;
    }

    private List<object?> ReadArray(int depth)
    {
        var items = new List<object?>();
        Expect('[');
        if (TryTake(']'))
        {
            return items;
        }

        do
        {
            items.Add(ReadValue(depth + 1));
        }
        while (TryTake(','));
        Expect(']');
        return items;
    }

    private string ReadString()
    {
        Expect('"');
        var value = new StringBuilder();
        while (Peek() != '"')
        {
            var c = text[_position++];
            value.Append(c == '\\' ? ReadEscape() : c);
        }

        _position++;
        return value.ToString();
    }

    private char ReadEscape()
    {
        var c = Peek();
        _position++;
        switch (c)
        {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'b': return '\b';
            case 'f': return '\f';
            case '"' or '\\' or '/': return c;
            case 'u' when _position + 4 <= text.Length && ushort.TryParse(
                text.Substring(_position, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code):
                _position += 4;
                return (char)code;
            default: throw Error("an escape");
        }
    }

    private string? ReadWord()
    {
        var start = _position;
        while (_position < text.Length && (char.IsLetterOrDigit(text[_position]) || text[_position] is '-' or '+' or '.'))
        {
            _position++;
        }

        var word = text.Substring(start, _position - start);
        return word is "null" or "true" or "false" ? null
            : double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? word
            : throw Error("a value");
    }

    private void Expect(char c)
    {
        if (Peek() != c)
        {
            throw Error($"'{c}'");
        }

        _position++;
    }

    private bool TryTake(char c)
    {
        SkipWhiteSpace();
        if (Peek() != c)
        {
            return false;
        }

        _position++;
        return true;
    }

    private char Peek() => _position < text.Length ? text[_position] : throw Error("more");

    private void SkipWhiteSpace()
    {
        while (_position < text.Length && text[_position] is ' ' or '\t' or '\r' or '\n' or '\uFEFF')
        {
            _position++;
        }
    }

    private FormatException Error(string expected)
    {
        var line = text.Take(_position).Count(c => c == '\n') + 1;
        return new FormatException($"line {line}: expected {expected}");
    }
}
