using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace RpcNet.Generators.Contracts;

/// <summary>Recognizes types by name and writes them as C#.</summary>
internal static class Symbols
{
    public const string RpcService = "RpcNet.RpcServiceAttribute";
    public const string RpcMethod = "RpcNet.RpcMethodAttribute";
    public const string GenerateShape = "PolyType.GenerateShapeAttribute";
    public const string GenerateShapeFor = "PolyType.GenerateShapeForAttribute";
    public const string GenerateShapeForOfT = "PolyType.GenerateShapeForAttribute`1";

    public static readonly SymbolDisplayFormat Full = SymbolDisplayFormat.FullyQualifiedFormat.AddMiscellaneousOptions(
        SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier);

    /// <summary>One text for one type: nullable annotations and the names of tuple elements, which do not travel, are left out.</summary>
    public static readonly SymbolDisplayFormat Readable = new(
        typeQualificationStyle: SymbolDisplayTypeQualificationStyle.NameAndContainingTypesAndNamespaces,
        genericsOptions: SymbolDisplayGenericsOptions.IncludeTypeParameters,
        miscellaneousOptions: SymbolDisplayMiscellaneousOptions.UseSpecialTypes
            | SymbolDisplayMiscellaneousOptions.EscapeKeywordIdentifiers
            | SymbolDisplayMiscellaneousOptions.ExpandValueTuple);

    public static string Escape(string identifier) =>
        SyntaxFacts.GetKeywordKind(identifier) == SyntaxKind.None ? identifier : "@" + identifier;

    public static bool Is(ITypeSymbol? type, string containingNamespace, string name, int arity = 0) =>
        type is INamedTypeSymbol named
        && named.Arity == arity
        && named.Name == name
        && named.ContainingType is null
        && named.ContainingNamespace.ToDisplayString() == containingNamespace;

    public static bool IsCancellationToken(ITypeSymbol type) => Is(type, "System.Threading", "CancellationToken");

    public static bool IsAsyncEnumerable(ITypeSymbol type) => Is(type, "System.Collections.Generic", "IAsyncEnumerable", 1);

    public static AttributeData? Attribute(ISymbol symbol, string fullName) =>
        symbol.GetAttributes().FirstOrDefault(a => a.AttributeClass?.ToDisplayString() == fullName);

    /// <summary>Public or internal all the way out, so that generated code of the same assembly can name it.</summary>
    public static bool IsAccessible(INamedTypeSymbol type)
    {
        for (var t = type; t is not null; t = t.ContainingType)
        {
            if (t.IsFileLocal || t.DeclaredAccessibility is not (Accessibility.Public or Accessibility.Internal
                or Accessibility.ProtectedOrInternal))
            {
                return false;
            }
        }

        return true;
    }

    public static bool IsPublic(INamedTypeSymbol type)
    {
        for (var t = type; t is not null; t = t.ContainingType)
        {
            if (t.DeclaredAccessibility != Accessibility.Public)
            {
                return false;
            }
        }

        return true;
    }

    public static bool IsGeneric(INamedTypeSymbol type)
    {
        for (var t = type; t is not null; t = t.ContainingType)
        {
            if (t.Arity > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>All types of an assembly, nested ones too.</summary>
    public static IEnumerable<INamedTypeSymbol> Types(IAssemblySymbol assembly)
    {
        return Within(assembly.GlobalNamespace);

        static IEnumerable<INamedTypeSymbol> Within(INamespaceOrTypeSymbol container) =>
            container.GetMembers().OfType<INamespaceOrTypeSymbol>().SelectMany(m =>
                m is INamedTypeSymbol type ? Within(type).Prepend(type) : Within(m));
    }

    public static Location LocationOf(ISymbol symbol) =>
        symbol.Locations.FirstOrDefault(l => l.IsInSource) ?? Location.None;
}
