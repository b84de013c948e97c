using System.Collections.Frozen;

namespace RpcNet.Cluster.Tests.Registry;

public class TagExpressionTests
{
    private static readonly FrozenDictionary<string, string> Tags = new Dictionary<string, string>
    {
        ["role"] = "worker",
        ["zone"] = "eu-west/1",
        ["gpu"] = "true",
        ["note"] = "a, \"b\" (c)",
        ["empty"] = "",
    }.ToFrozenDictionary();

    [Theory]
    [InlineData("", true)]
    [InlineData("  ", true)]
    [InlineData("role=worker", true)]
    [InlineData(" role == worker ", true)]
    [InlineData("role=Worker", false)]
    [InlineData("role=worker,gpu=true", true)]
    [InlineData("role=worker, gpu=false", false)]
    [InlineData("role!=director", true)]
    [InlineData("role!=worker", false)]
    [InlineData("missing!=x", true)]
    [InlineData("missing=x", false)]
    [InlineData("gpu", true)]
    [InlineData("missing", false)]
    [InlineData("!draining", true)]
    [InlineData("! gpu", false)]
    [InlineData("zone in (eu-west/1, b)", true)]
    [InlineData("zone in(a,b)", false)]
    [InlineData("zone notin (a,b)", true)]
    [InlineData("zone not in (eu-west/1)", false)]
    [InlineData("missing notin (a)", true)]
    [InlineData("""note="a, \"b\" (c)" """, true)]
    [InlineData("empty=\"\"", true)]
    [InlineData("in", false)]
    public void Matches_Tags_GivesWhatTheExpressionSays(string expression, bool expected)
    {
        Assert.Equal(expected, TagExpression.Parse(expression).Matches(Tags));
    }

    [Theory]
    [InlineData("role=", 6, "expected a value after '=', found the end")]
    [InlineData("role=worker,", 13, "expected a condition after ','")]
    [InlineData("role=worker gpu=true", 13, "expected ',' or the end, found 'g'")]
    [InlineData("a && b", 3, "expected ',', '=', '!=', 'in' or 'notin', found '&&'")]
    [InlineData("a=1 & b=2", 5, "joined with ','")]
    [InlineData("a=1 || b", 5, "alternatives of one tag")]
    [InlineData("zone in a", 9, "expected '(' and a list")]
    [InlineData("zone in (a b)", 12, "expected ',' or ')'")]
    [InlineData("zone in (a", 11, "not closed with ')'")]
    [InlineData("zone in ()", 10, "expected a value in the list, found ')'")]
    [InlineData("=x", 1, "expected a tag's name, found '='")]
    [InlineData("!a=1", 3, "'!a' asks whether the tag is missing")]
    [InlineData("a!b", 3, "expected '=' after '!'")]
    [InlineData("a=\"b", 3, "the quotes that open here are not closed")]
    [InlineData("a=\"\\n\"", 4, "may follow a backslash")]
    public void Parse_Malformed_NamesThePositionAndWhatBelongsThere(string expression, int position, string complaint)
    {
        var error = Assert.Throws<TagExpressionException>(() => TagExpression.Parse(expression));

        Assert.Equal(position, error.Position);
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
        Assert.Contains(expression, error.Message, StringComparison.Ordinal);
        Assert.False(TagExpression.TryParse(expression, out _, out var same));
        Assert.Equal(error.Message, same);
    }

    [Theory]
    [InlineData(" role == worker , !x", "role=worker,!x")]
    [InlineData("zone  not  in ( a , b )", "zone notin (a,b)")]
    [InlineData("zone in (a)", "zone=a")]
    [InlineData("n=\"a b\\\\\"", "n=\"a b\\\\\"")]
    public void ToString_AnyForm_GivesTheShortestThatReadsTheSame(string expression, string expected)
    {
        var parsed = TagExpression.Parse(expression);

        Assert.Equal(expected, parsed.ToString());
        Assert.Equal(parsed, TagExpression.Parse(parsed.ToString()));
    }
}
