using System.Reflection;
using System.Runtime.CompilerServices;

namespace RpcNet.Architecture.Tests;

/// <summary>The rules, over whatever assemblies and types they are given, so that tests can see them fail.</summary>
internal static class Rules
{
    /// <summary>The arrows of the design: what each assembly may refer to among RpcNet's own.</summary>
    public static IReadOnlyDictionary<string, string[]> Arrows { get; } = new Dictionary<string, string[]>
    {
        ["RpcNet.Abstractions"] = [],
        ["RpcNet.Core"] = ["RpcNet.Abstractions"],
        ["RpcNet.Transports.Ngtcp2"] = ["RpcNet.Abstractions", "RpcNet.Core"],
        ["RpcNet.Cluster"] = ["RpcNet.Abstractions", "RpcNet.Core"],
        ["RpcNet.Hosting"] = ["RpcNet.Abstractions", "RpcNet.Core", "RpcNet.Cluster", "RpcNet.Transports.Ngtcp2"],
        ["RpcNet.Testing"] = ["RpcNet.Abstractions", "RpcNet.Core", "RpcNet.Cluster", "RpcNet.Hosting"],
        ["RpcNet.Serialization.MessagePack"] = ["RpcNet.Abstractions"],
    };

    /// <summary>What assemblies other than the framework's own may be referred to, by assembly.</summary>
    private static readonly Dictionary<string, string[]> Outside = new()
    {
        ["RpcNet.Abstractions"] = ["PolyType"],
        ["RpcNet.Core"] = ["PolyType", "Nerdbank.MessagePack", "Microsoft.Extensions.Logging.Abstractions"],
        ["RpcNet.Transports.Ngtcp2"] = ["Microsoft.Extensions.Logging.Abstractions"],
        ["RpcNet.Cluster"] = ["PolyType", "Nerdbank.MessagePack", "Microsoft.Extensions.Logging.Abstractions"],
        ["RpcNet.Hosting"] = ["Microsoft.Extensions."],
        ["RpcNet.Testing"] = ["Microsoft.Extensions."],
        ["RpcNet.Serialization.MessagePack"] = ["MessagePack"],
    };

    public static IEnumerable<string> ReferencesAgainstTheArrows(string assembly, IEnumerable<string> references) => references
        .Where(static r => r.StartsWith("RpcNet.", StringComparison.Ordinal))
        .Where(r => !Arrows[assembly].Contains(r))
        .Select(r => $"{assembly} must not refer to {r}");

    public static IEnumerable<string> ReferencesToTheOutside(string assembly, IEnumerable<string> references) => references
        .Where(static r => !r.StartsWith("RpcNet.", StringComparison.Ordinal) && !IsFramework(r))
        .Where(r => !Outside[assembly].Any(allowed => allowed.EndsWith('.') ? r.StartsWith(allowed, StringComparison.Ordinal) : r == allowed))
        .Select(r => $"{assembly} must not refer to {r}");

    /// <summary>A class that is not public is sealed (or static, or a base: with heirs, or with virtual members), and nothing public lives in an Internal namespace.</summary>
    public static IEnumerable<string> ExposedImplementations(IReadOnlyCollection<Type> types)
    {
        foreach (var type in types.Where(static t => !IsGenerated(t)))
        {
            if (type.IsVisible && type.Namespace is { } space && (space.EndsWith(".Internal", StringComparison.Ordinal) || space.Contains(".Internal.", StringComparison.Ordinal)))
            {
                yield return $"{type} is public in a namespace of implementations";
            }

            if (!type.IsVisible && type is { IsClass: true, IsSealed: false, IsAbstract: false } && !IsMadeToBeOverridden(type) && !types.Any(t => IsHeir(t, type)))
            {
                yield return $"{type} is internal and should be sealed";
            }
        }
    }

    private static bool IsMadeToBeOverridden(Type type) =>
        type.GetMethods(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            .Any(static m => m is { IsVirtual: true, IsFinal: false } && m.GetBaseDefinition() == m && !IsRecordMember(m));

    /// <summary>Unsealed records have virtual members that nobody wrote.</summary>
    private static bool IsRecordMember(MethodInfo method) => method.Name is "get_EqualityContract" or "PrintMembers" or "<Clone>$" or "Equals";

    private static bool IsHeir(Type type, Type of) =>
        type.BaseType is { } parent && (parent == of || (parent.IsGenericType && parent.GetGenericTypeDefinition() == of));

    private static bool IsFramework(string reference) =>
        reference is "netstandard" or "mscorlib" or "System" || reference.StartsWith("System.", StringComparison.Ordinal) || reference == "Microsoft.Win32.Primitives";

    private static bool IsGenerated(Type type) => type.Name.Contains('<', StringComparison.Ordinal)
        || type.IsDefined(typeof(CompilerGeneratedAttribute))
        || type.IsDefined(typeof(System.CodeDom.Compiler.GeneratedCodeAttribute))
        || (type.DeclaringType is { } outer && IsGenerated(outer));
}
