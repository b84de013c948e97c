using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace RpcNet.Hosting.Configuration;

/// <summary>
/// Compares a configuration section with the options: unknown keys and values that cannot be read become complaints, the rest
/// can be bound without an exception, so that all problems come to light at once.
/// </summary>
internal sealed class ConfigurationInspector
{
    private readonly List<string> _complaints = [];
    private readonly Dictionary<string, string?> _sound = new(StringComparer.OrdinalIgnoreCase);

    private ConfigurationInspector()
    {
    }

    /// <summary>What is wrong, each naming key, value and what is accepted.</summary>
    public IReadOnlyList<string> Complaints => _complaints;

    /// <summary>The keys that can be bound, relative to the section.</summary>
    public IConfiguration Sound { get; private set; } = null!;

    /// <param name="section">The section; its path begins every complaint.</param>
    /// <param name="model">What the section holds; null takes all of RpcNet.</param>
    public static ConfigurationInspector Inspect(IConfiguration section, OptionsModel? model = null)
    {
        var inspector = new ConfigurationInspector();
        var path = (section as IConfigurationSection)?.Path ?? string.Empty;
        inspector.Visit(section, model ?? OptionsModel.Root, path, relative: string.Empty);
        inspector.Sound = new ConfigurationBuilder().AddInMemoryCollection(inspector._sound).Build();
        return inspector;
    }

    private static string Join(string parent, string child) => parent.Length == 0 ? child : $"{parent}:{child}";

    private void Visit(IConfiguration section, OptionsModel model, string path, string relative)
    {
        foreach (var child in section.GetChildren())
        {
            var childPath = Join(path, child.Key);
            switch (model.Kind)
            {
                case OptionsKind.Section when model.Find(child.Key) is { } known:
                    VisitKnown(child, known, childPath, Join(relative, known.Name));
                    break;
                case OptionsKind.Section:
                    _complaints.Add($"{childPath} is not a setting of RpcNet. {Hint(child.Key, model, path)}");
                    break;
                case OptionsKind.List when !int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _):
                    _complaints.Add($"{childPath}: {path} is a list; its keys are 0, 1, 2, …");
                    break;
                default:
                    VisitKnown(child, model.Element!, childPath, Join(relative, child.Key));
                    break;
            }
        }
    }

    private void VisitKnown(IConfigurationSection child, OptionsModel model, string path, string relative)
    {
        if (model.Kind != OptionsKind.Value)
        {
            if (!string.IsNullOrEmpty(child.Value))
            {
                _complaints.Add($"{path} = '{child.Value}': is a section and takes no value of its own.");
            }

            Visit(child, model, path, relative);
            return;
        }

        if (child.GetChildren().Any())
        {
            _complaints.Add($"{path} takes one value, not a section.");
        }
        else if (child.Value is { } text)
        {
            if (text.Length == 0 && model.Type != typeof(string))
            {
                return;
            }

            if (model.Complaint(text) is { } complaint)
            {
                _complaints.Add($"{path} = '{text}': {complaint}.");
                return;
            }

            _sound[relative] = text;
        }
    }

    private static string Hint(string key, OptionsModel model, string path)
    {
        var nearest = model.Children
            .Select(c => (c.Name, Distance: EditDistance(key, c.Name)))
            .MinBy(static c => c.Distance);
        if (nearest.Distance <= Math.Max(2, key.Length / 3))
        {
            return $"Did you mean {Join(path, nearest.Name)}?";
        }

        return FindElsewhere(OptionsModel.Root, key, RpcNetOptions.SectionName) is { } elsewhere
            ? $"Did you mean {elsewhere}?"
            : $"Valid here: {string.Join(", ", model.Children.Select(static c => c.Name))}.";
    }

    private static string? FindElsewhere(OptionsModel model, string key, string path)
    {
        if (model.Find(key) is { } found)
        {
            return Join(path, found.Name);
        }

        return model.Children
            .Where(static c => c.Kind == OptionsKind.Section)
            .Select(c => FindElsewhere(c, key, Join(path, c.Name)))
            .FirstOrDefault(static p => p is not null);
    }

    /// <summary>Levenshtein distance with transpositions of neighbours, ignoring case.</summary>
    private static int EditDistance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            d[i, 0] = i;
        }

        for (var j = 0; j <= b.Length; j++)
        {
            d[0, j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Same(a[i - 1], b[j - 1]) ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }

    private static bool Same(char a, char b) => char.ToUpperInvariant(a) == char.ToUpperInvariant(b);
}
