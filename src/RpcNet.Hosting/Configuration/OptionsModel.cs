using System.Globalization;
using System.Reflection;

namespace RpcNet.Hosting.Configuration;

/// <summary>The shape of the options: what keys there are and what each takes. Read from the options' properties.</summary>
internal sealed class OptionsModel
{
    private readonly Dictionary<string, OptionsModel> _children = new(StringComparer.OrdinalIgnoreCase);

    private OptionsModel(string name, Type type, PropertyInfo? property)
    {
        Name = name;
        Type = Nullable.GetUnderlyingType(type) ?? type;
        Property = property;
        if (Type == typeof(string) || Type.IsPrimitive || Type.IsEnum || Type == typeof(TimeSpan))
        {
            Kind = OptionsKind.Value;
        }
        else if (ElementOf(Type, typeof(IDictionary<,>), 1) is { } value)
        {
            Kind = OptionsKind.Map;
            Element = new OptionsModel("<name>", value, property: null);
        }
        else if (ElementOf(Type, typeof(IList<>), 0) is { } item)
        {
            Kind = OptionsKind.List;
            Element = new OptionsModel("<index>", item, property: null);
        }
        else
        {
            Kind = OptionsKind.Section;
            foreach (var member in Type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
                .Where(static p => p.SetMethod is { IsPublic: true } && p.GetMethod is { IsPublic: true })
                .OrderBy(static p => p.MetadataToken))
            {
                _children.Add(member.Name, new OptionsModel(member.Name, member.PropertyType, member));
            }
        }
    }

    /// <summary>The model of <see cref="RpcNetOptions"/>.</summary>
    public static OptionsModel Root { get; } = new(RpcNetOptions.SectionName, typeof(RpcNetOptions), property: null);

    public string Name { get; }

    public Type Type { get; }

    /// <summary>The property behind the key; null for the root and for elements.</summary>
    public PropertyInfo? Property { get; }

    public OptionsKind Kind { get; }

    /// <summary>What a map or a list holds.</summary>
    public OptionsModel? Element { get; }

    public IReadOnlyCollection<OptionsModel> Children => _children.Values;

    public OptionsModel? Find(string name) => _children.GetValueOrDefault(name);

    /// <summary>What is wrong with a value, as "must be …"; null when it can be read.</summary>
    public string? Complaint(string text)
    {
        if (Type == typeof(string))
        {
            return null;
        }

        if (Type.IsEnum)
        {
            return Enum.GetNames(Type).Contains(text, StringComparer.OrdinalIgnoreCase)
                ? null
                : $"must be {string.Join(", ", Enum.GetNames(Type)[..^1])} or {Enum.GetNames(Type)[^1]}";
        }

        if (Type == typeof(bool))
        {
            return bool.TryParse(text, out _) ? null : "must be true or false";
        }

        if (Type == typeof(TimeSpan))
        {
            // "5" would be five days, which nobody means.
            return text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out _)
                ? null
                : "must be a duration \"hours:minutes:seconds\", such as \"00:00:02.5\"";
        }

        if (Type == typeof(double))
        {
            return double.TryParse(text, CultureInfo.InvariantCulture, out _) ? null : "must be a number";
        }

        return long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            && number is >= int.MinValue and <= int.MaxValue
            ? null
            : "must be a whole number";
    }

    private static Type? ElementOf(Type type, Type definition, int argument) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == definition ? type.GetGenericArguments()[argument] : null;
}

internal enum OptionsKind
{
    Value,
    Section,
    Map,
    List,
}
