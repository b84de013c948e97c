using System.Buffers;
using System.Text;

namespace RpcNet.Cluster;

public sealed partial class TagExpression
{
    /// <summary>Where reading stopped, and why.</summary>
    private readonly record struct Complaint(int Index, string Text);

    /// <summary>expression = [condition *("," condition)], see the remarks of <see cref="TagExpression"/>.</summary>
    private sealed class Parser(string text)
    {
        /// <summary>Characters that end a value that has no quotes.</summary>
        public static readonly SearchValues<char> Reserved = SearchValues.Create(" \t\r\n,()!=\"");

        private readonly List<Condition> _conditions = [];
        private int _index;
        private Complaint? _complaint;

        private char Current => _index < text.Length ? text[_index] : '\0';

        private bool AtEnd => _index >= text.Length;

        public TagExpressionException Error(Complaint complaint) => new(text, complaint.Index, complaint.Text);

        public TagExpression? Parse(out Complaint complaint)
        {
            SkipSpace();
            while (!AtEnd && _complaint is null)
            {
                ReadCondition();
                SkipSpace();
                if (AtEnd || _complaint is not null)
                {
                    break;
                }

                if (Current != ',')
                {
                    Fail(_index, Current switch
                    {
                        '&' => "conditions are joined with ',' instead of '&'",
                        '|' => "there is no '|'; alternatives of one tag are written 'key in (a, b)'",
                        _ => $"expected ',' or the end, found '{Current}'",
                    });
                    break;
                }

                _index++;
                SkipSpace();
                if (AtEnd)
                {
                    Fail(_index, "expected a condition after ','");
                }
            }

            complaint = _complaint ?? default;
            return _complaint is not null ? null : _conditions.Count == 0 ? Any : new TagExpression([.. _conditions]);
        }

        private void ReadCondition()
        {
            if (Current == '!')
            {
                _index++;
                SkipSpace();
                if (ReadWord("a tag's name after '!'") is { } missing)
                {
                    _conditions.Add(new(missing, Test.Missing, []));
                    SkipSpace();
                    if (Current is '=' or '!')
                    {
                        Fail(_index, $"'!{missing}' asks whether the tag is missing and takes no value; write '{missing}!=value'");
                    }
                }

                return;
            }

            if (ReadWord("a tag's name") is not { } key)
            {
                return;
            }

            SkipSpace();
            switch (Current)
            {
                case '=':
                    _index += _index + 1 < text.Length && text[_index + 1] == '=' ? 2 : 1;
                    ReadOne(key, Test.In, "'='");
                    return;
                case '!' when _index + 1 < text.Length && text[_index + 1] == '=':
                    _index += 2;
                    ReadOne(key, Test.NotIn, "'!='");
                    return;
                case '!':
                    Fail(_index + 1, "expected '=' after '!'");
                    return;
            }

            if (AtEnd || Current == ',')
            {
                _conditions.Add(new(key, Test.Exists, []));
                return;
            }

            var start = _index;
            if (ReadWord("',', '=', '!=', 'in' or 'notin'") is not { } word)
            {
                return;
            }

            SkipSpace();
            if (word == "not" && Current == 'i' && ReadWord("'in'") == "in")
            {
                word = "notin";
                SkipSpace();
            }

            switch (word)
            {
                case "in":
                    ReadList(key, Test.In);
                    return;
                case "notin":
                    ReadList(key, Test.NotIn);
                    return;
                default:
                    Fail(start, $"expected ',', '=', '!=', 'in' or 'notin', found '{word}'");
                    return;
            }
        }

        private void ReadOne(string key, Test test, string after)
        {
            SkipSpace();
            if (ReadValue($"a value after {after}") is { } value)
            {
                _conditions.Add(new(key, test, [value]));
            }
        }

        private void ReadList(string key, Test test)
        {
            if (Current != '(')
            {
                Fail(_index, "expected '(' and a list of values");
                return;
            }

            var values = new List<string>();
            do
            {
                _index++;
                SkipSpace();
                if (ReadValue("a value in the list") is not { } value)
                {
                    return;
                }

                if (!values.Contains(value))
                {
                    values.Add(value);
                }

                SkipSpace();
            }
            while (Current == ',');

            if (Current != ')')
            {
                Fail(_index, AtEnd ? "the list is not closed with ')'" : $"expected ',' or ')', found '{Current}'");
                return;
            }

            _index++;
            _conditions.Add(new(key, test, [.. values]));
        }

        private string? ReadValue(string expected) => Current == '"' ? ReadQuoted() : ReadWord(expected);

        private string? ReadQuoted()
        {
            var start = _index++;
            var value = new StringBuilder();
            while (!AtEnd)
            {
                var c = text[_index++];
                if (c == '"')
                {
                    return value.ToString();
                }

                if (c == '\\')
                {
                    if (Current is not ('"' or '\\'))
                    {
                        return Fail(_index - 1, "inside of quotes only \\\" and \\\\ may follow a backslash");
                    }

                    c = text[_index++];
                }

                value.Append(c);
            }

            return Fail(start, "the quotes that open here are not closed");
        }

        private string? ReadWord(string expected)
        {
            var rest = text.AsSpan(_index);
            var length = rest.IndexOfAny(Reserved);
            length = length < 0 ? rest.Length : length;
            if (length == 0)
            {
                return Fail(_index, AtEnd ? $"expected {expected}, found the end" : $"expected {expected}, found '{Current}'");
            }

            _index += length;
            return rest[..length].ToString();
        }

        private void SkipSpace()
        {
            while (!AtEnd && char.IsWhiteSpace(Current))
            {
                _index++;
            }
        }

        private string? Fail(int index, string complaint)
        {
            _complaint ??= new(index, complaint);
            return null;
        }
    }
}
